import type { ProcessingRequest } from "@aegis/contracts/envoy/service/ext_proc/v3/external_processor";
import { BinaryReader } from "@bufbuild/protobuf/wire";

/** ProcessingMode.BodySendMode */
const [none, buffered] = [0, 2];
/** `protocol_config`, by which Envoy says how it is set up. */
const protocolConfig = 11;

/** Why an exchange that Envoy processes in this way cannot be judged. An Envoy that does not say how it does is believed. */
export function refuseProcessing({ $unknown = [], observabilityMode }: ProcessingRequest): string | undefined {
  if (observabilityMode) return "observability_mode lets everything through: turn it off";
  const config = $unknown.find(({ no }) => no === protocolConfig);
  if (config === undefined) return undefined;
  const [request = none, response = none] = modesOf(new BinaryReader(config.data).bytes());
  if (request !== buffered) return "request_body_mode must be BUFFERED, or calls go out unjudged";
  return response === buffered || response === none ? undefined : "response_body_mode must be BUFFERED or NONE";
}

function modesOf(bytes: Uint8Array): [request?: number, response?: number] {
  const reader = new BinaryReader(bytes);
  const modes: [number?, number?] = [];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if ((field === 1 || field === 2) && type === 0) modes[field - 1] = reader.uint32();
    else reader.skip(type, field);
  }
  return modes;
}
