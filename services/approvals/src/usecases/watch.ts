import type { ApprovalRecord, Ports } from "./ports.ts";
import { type Patience, wait } from "./wait.ts";

const roundMs = 30_000;

/** Every state of an approval from now until people, or time, have decided it. An id that has not arrived yet says nothing. */
export async function* watch(
  ports: Pick<Ports, "approvals" | "changes" | "clock">,
  id: string,
  patience: Omit<Patience, "timeoutMs">,
): AsyncGenerator<ApprovalRecord> {
  let state: string | undefined;
  for (let timeoutMs = 0; !patience.signal.aborted; timeoutMs = roundMs) {
    const found = await wait(ports, id, { ...patience, timeoutMs });
    if (!found.seen || found.approval.state === state) continue;
    state = found.approval.state;
    yield found.approval;
    if (state !== "pending") return;
  }
}
