// The addresses of the service, from its own description.

const made = (name, text = "", className = "") => {
  const element = document.createElement(name);
  element.textContent = text;
  element.className = className;
  return element;
};

function list(title, rows) {
  const terms = made("dl");
  for (const [term, meaning] of rows) terms.append(made("dt", term), made("dd", meaning));
  return rows.length ? [made("h3", title), terms] : [];
}

function typeOf({ anyOf = [], default: usual, ...one }) {
  const { type, enum: values, minimum, maximum } = anyOf.find(({ type }) => type !== "null") ?? one;
  const range = values?.join(", ") ?? (minimum === undefined ? type : `${minimum} to ${maximum}`);
  return usual === undefined ? range : `${range}; ${usual} where not given`;
}

function show(method, address, operation) {
  const section = made("section", "", "operation");
  section.append(made("h2", `${method.toUpperCase()} ${address}`), made("p", operation.summary));
  const bodies = Object.keys(operation.requestBody?.content ?? {});
  section.append(
    ...list("In the address", (operation.parameters ?? []).map((one) => [
      `?${one.name}=`, `${one.description ?? ""} (${typeOf(one.schema)})`,
    ])),
    ...list("Body", bodies.map((type) => [type, type === "multipart/form-data" ? "one or more files" : "one picture"])),
    ...list("Answers", Object.entries(operation.responses).map(([status, { description }]) => [status, description])),
  );
  return section;
}

const { info, paths } = await (await fetch("openapi.json")).json();
document.getElementById("about").textContent = `${info.description} Version ${info.version}.`;
const operations = document.getElementById("operations");
operations.style.display = "block";
operations.append(
  made("pre", `curl -F file=@clock.jpg ${new URL("v1/read", document.baseURI)}`),
  ...Object.entries(paths).flatMap(([address, methods]) =>
    Object.entries(methods).map(([method, operation]) => show(method, address, operation)),
  ),
);
