import { AegisError } from "@aegis/contracts/errors";
import { addCheckpointBody, parseWitnessKey } from "@aegis/tlog/cosignature";
import type { Witness } from "#usecases/witness.ts";

const timeoutMs = 10_000;
const maxAnswer = 64 * 1024;

/** A witness over HTTP: `POST <url>/add-checkpoint` (C2SP tlog-witness). `text` is its vkey and its submission prefix, with a space between. */
export function witnessClient(text: string): Witness {
  const [vkey = "", url = ""] = text.trim().split(/\s+/);
  return {
    key: parseWitnessKey(vkey),
    async add(old, proof, note) {
      const response = await fetch(`${url}/add-checkpoint`, {
        method: "POST",
        body: addCheckpointBody(old, proof, note),
        signal: AbortSignal.timeout(timeoutMs),
        redirect: "error",
      }).catch((error: unknown) => {
        throw new AegisError("unavailable", "the witness cannot be reached", { cause: error });
      });
      const answer = (await response.text()).slice(0, maxAnswer);
      if (response.status === 200) return { kind: "signed", lines: answer.split("\n").filter((line) => line !== "") };
      const size = response.status === 409 ? /^(\d{1,16})\n?$/.exec(answer)?.[1] : undefined;
      if (size !== undefined) return { kind: "seen", size: Number(size) };
      return { kind: "refused", why: `it answered ${response.status}` };
    },
  };
}
