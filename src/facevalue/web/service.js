// Talks to the service that the page came from.

export class Problem extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

export class Service {
  // base: address of the page's folder.
  constructor(base) {
    this.base = base;
    this.token = "";
  }

  async kinds() {
    return (await this.ask("v1/kinds")).json();
  }

  // What a watcher has stored, oldest first, at most so many of the newest.
  async log(since, limit) {
    return (await this.ask(`v1/log?since=${encodeURIComponent(since)}&limit=${limit}`)).json();
  }

  // The ONNX file of an entry of kinds().
  async weight(of) {
    return (await this.ask(of.weight)).arrayBuffer();
  }

  // dial: of a dial {range, sweep}, as facevalue read takes them.
  async read(blob, kind, dial = {}) {
    const type = blob.type.startsWith("image/") ? blob.type : "application/octet-stream";
    const address = `v1/read?${new URLSearchParams({ kind, top: 4, marks: 1, ...dial })}`;
    const answer = await this.ask(address, { method: "POST", body: blob, headers: { "Content-Type": type } });
    return answer.json();
  }

  async ask(address, { headers = {}, ...options } = {}) {
    if (!/^[\x21-\x7e]*$/.test(this.token)) throw new Problem("The token holds signs that no token has; copy it again.", 401);
    const shown = this.token ? { Authorization: `Bearer ${this.token}` } : {};
    let answer;
    try {
      answer = await fetch(new URL(address, this.base), { ...options, headers: { ...headers, ...shown } });
    } catch {
      throw new Problem("The service does not answer. Is it still running?");
    }
    if (answer.status === 401) {
      const problem = this.token ? "That is not the token of this service." : "This service asks for its token: enter it above.";
      throw new Problem(problem, 401);
    }
    if (!answer.ok) throw new Problem(await problemOf(answer), answer.status);
    return answer;
  }
}

async function problemOf(answer) {
  try {
    const { error } = await answer.json();
    return `${error[0].toUpperCase()}${error.slice(1)}.`;
  } catch {
    return `The service answers with status ${answer.status}.`;
  }
}
