// Reads in the browser with the same ONNX files as the server: a picture in, the same JSON out. Nothing is sent.

import * as clock from "./look_clock.js";
import * as dial from "./look_dial.js";
import * as row from "./look_row.js";
import { openFile } from "./pictures.js";

const LOOKS = { clock, dial, digits: row };

let runtime = null;

// onnxruntime-web, loaded once. folder: address of its three files.
async function loadRuntime(folder) {
  if (runtime === null) {
    const ort = await import(new URL("ort.wasm.min.mjs", folder));
    ort.env.wasm.wasmPaths = {
      mjs: new URL("ort-wasm-simd-threaded.mjs", folder).href,
      wasm: new URL("ort-wasm-simd-threaded.wasm", folder).href,
    };
    ort.env.wasm.numThreads = 1;
    runtime = ort;
  }
  return runtime;
}

export class Reader {
  // of: an entry of /v1/kinds.  onnx: ArrayBuffer of its weight.  runtimeFolder: URL that ends with a slash.
  static async load(of, onnx, runtimeFolder) {
    const look = LOOKS[of.kind];
    if (look === undefined || look.CODEC !== of.codec) {
      throw new Error(`The weight ${of.model} (${of.codec}) can only be read on the server.`);
    }
    const ort = await loadRuntime(runtimeFolder);
    const session = await ort.InferenceSession.create(onnx, { executionProviders: ["wasm"] });
    return new Reader(of, look, ort, session);
  }

  constructor(of, look, ort, session) {
    this.kind = of.kind;
    this.look = look;
    this.weight = {
      ...of,
      async run({ data, width, height }) {
        const pictures = new ort.Tensor("uint8", new Uint8Array(data.buffer), [1, height, width, 3]);
        const outputs = await session.run({ pictures });
        return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, tensor.data]));
      },
    };
  }

  // Read a picture file (Blob). top: how many values are named.  dial: of a dial what directions mean, see dial.js.
  async readFile(blob, top = 3, dial = {}) {
    const began = performance.now();
    const { picture, scale } = await openFile(blob, this.look.ENOUGH_PX);
    return this.read(picture, scale, top, dial, began);
  }

  // Read RGB, see pictures.js.
  async read(picture, scale = [1, 1], top = 3, dial = {}, began = performance.now()) {
    const reading = this.look.makeReading(this.weight, await this.look.look(this.weight, picture, dial), scale);
    const rounded = (share) => Number(share.toFixed(4));
    return {
      kind: this.kind,
      ...reading,
      confidence: rounded(reading.confidence),
      alternatives: reading.alternatives
        .slice(0, Math.max(top - 1, 0))
        .map(({ value, confidence }) => ({ value, confidence: rounded(confidence) })),
      model: this.weight.model,
      milliseconds: Number((performance.now() - began).toFixed(1)),
    };
  }
}
