import { HeaderValueOption_HeaderAppendAction } from "@aegis/contracts/envoy/config/core/v3/base";

const appendAction = HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD;

/** Headers for the authorization filter to set, in place of what was there before; it reads texts. */
export const setHeaders = (headers: Readonly<Record<string, string>>) =>
  Object.entries(headers).map(([key, value]) => ({ header: { key, value }, appendAction }));

/** The same for the processing filter, which reads bytes. */
export const setRawHeaders = (headers: Readonly<Record<string, string>>) =>
  Object.entries(headers).map(([key, value]) => ({ header: { key, rawValue: Buffer.from(value) }, appendAction }));
