// Reads an AsyncAPI document with AsyncAPI's own parser; prints whether it is valid, and its errors as JSON.
import { Parser } from "@asyncapi/parser";
import { readFileSync } from "node:fs";

const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], "utf8"));
const errors = diagnostics.filter(one => one.severity === 0).map(one => `${one.path.join(".")}: ${one.message}`);
console.log(JSON.stringify({ valid: document !== undefined, errors }));
