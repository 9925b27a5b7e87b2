import { writeBundle } from "../../src/bundle/bundle.ts";
import { prepare } from "../../src/engine/snapshot.ts";
import type { PolicySet } from "../../src/ir.ts";
import type { OpaServers } from "../opa-server.ts";
import { agrees, decided, told } from "./compared.ts";
import type { Difference } from "./run.ts";

const mostTries = 250;

/** Leaves out of a difference's policies and call whatever it does not need, and says what is left, for a vector. */
export async function shrink(difference: Difference, servers: OpaServers): Promise<string> {
  let { policies } = difference;
  let call = spelled(difference.sent);
  let tries = 0;
  const differs = async (set: PolicySet, smaller: unknown): Promise<boolean> => {
    tries++;
    try {
      return !(await bothDecide(set, smaller, servers)).agree;
    } catch {
      return false;
    }
  };
  for (let again = true; again && tries < mostTries; ) {
    again = false;
    for (const smaller of without(policies)) {
      if (tries >= mostTries || !(await differs(smaller, call))) continue;
      [policies, again] = [smaller, true];
      break;
    }
  }
  for (let again = true; again && tries < 2 * mostTries; ) {
    again = false;
    for (const smaller of without(call)) {
      if (tries >= 2 * mostTries || !(await differs(policies, smaller))) continue;
      [call, again] = [smaller, true];
      break;
    }
  }
  const { native, opa } = await bothDecide(policies, call, servers);
  return [
    `seed ${difference.seed}`,
    `policies ${JSON.stringify(policies)}`,
    `input    ${JSON.stringify(call)}`,
    `native   ${JSON.stringify(native)}`,
    `opa      ${JSON.stringify(opa)}`,
  ].join("\n");
}

async function bothDecide(policies: PolicySet, call: unknown, servers: OpaServers) {
  const { tarball, digest, version } = await writeBundle({ tenant: "acme", revision: 1, policies, sign: servers.sign });
  const native = decided(prepare({ tenant: "acme", revision: 1, version, digest, policies }), JSON.stringify(call));
  const server = await servers.start(tarball);
  const answer = await server.decide(call);
  server.stop();
  return { native: native && told(native.verdict), opa: answer, agree: agrees(native, answer) };
}

/** ECMAScript's JSON.parse source text access, which TypeScript does not know yet: numbers as they are written. */
const json = JSON as unknown as {
  parse(text: string, reviver: (name: string, value: unknown, context: { readonly source: string }) => unknown): unknown;
  rawJSON(text: string): object;
  isRawJSON(value: unknown): boolean;
};

/** A JSON text's value, whose numbers JSON.stringify spells as the text did. */
const spelled = (text: string): unknown =>
  json.parse(text, (_, value, { source }) => (typeof value === "number" ? json.rawJSON(source) : value));

/** Members that every engine needs; the rest may be left out. */
const needed = new Set(
  "format tenant governance policies limits settings name rule mode approval approvalAlways pointer start end inKey enum agents dlp tools deny actions digest parameters additional durability obligations principal agent subject chain depth scope tool action arguments context now findings queue quorum expiresSeconds host detect after expression text root op at value of field args allow allowed".split(
    " ",
  ),
);

/** Every value that is the same but for one item or one member, the largest parts first. */
function* without<T>(value: T): Iterable<T> {
  if (Array.isArray(value)) {
    for (let size = value.length; size >= 1; size = Math.floor(size / 2)) {
      for (let at = 0; at + size <= value.length; at += size) yield [...value.slice(0, at), ...value.slice(at + size)] as T;
    }
    for (const [at, item] of value.entries()) for (const smaller of without(item)) yield value.with(at, smaller) as T;
  } else if (typeof value === "object" && value !== null && !json.isRawJSON(value)) {
    const entries = Object.entries(value);
    for (const [name] of entries) if (!needed.has(name)) yield Object.fromEntries(entries.filter(([each]) => each !== name)) as T;
    for (const [name, member] of entries) {
      if (name === "root") continue;
      for (const smaller of without(member))
        yield Object.fromEntries(entries.map(([each, was]) => [each, each === name ? smaller : was])) as T;
    }
  }
}
