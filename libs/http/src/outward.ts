import type { LookupAddress, LookupOptions } from "node:dns";
import { lookup } from "node:dns";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { BlockList, isIP } from "node:net";

interface Post {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

interface Answer {
  readonly status: number;
  /** As much of it as was read. */
  readonly body: string;
}

export type Poster = (post: Post) => Promise<Answer>;

export interface OutwardOptions {
  /** Lifts https and the addresses: of every host, or of these. */
  readonly allowInternal: boolean | ReadonlySet<string>;
  /** For all of it. Default: eight seconds. */
  readonly timeoutMs?: number;
  /** An answer is read so far. Default: 64 KiB. */
  readonly maxAnswerBytes?: number;
}

/**
 * Posts to addresses that tenants choose, so only to where they may reach: https, no login in the URL, no address that is private,
 * loopback, link-local or reserved, checked on the very address that is connected to. Redirects are not followed.
 */
export function poster({ allowInternal, timeoutMs = 8_000, maxAnswerBytes = 64 * 1024 }: OutwardOptions): Poster {
  return ({ url, headers, body }) =>
    new Promise((resolve, reject) => {
      // A URL may be a secret, and its own error would show it to the log.
      if (!URL.canParse(url)) throw new Error("the URL is not usable");
      const target = new URL(url);
      if (target.username !== "" || target.password !== "") throw new Error("the URL holds a login");
      const host = target.hostname.replace(/^\[|\]$/g, "");
      const anywhere = mayBeInternal(host, allowInternal);
      if (target.protocol !== "https:" && !(anywhere && target.protocol === "http:")) throw new Error("the URL is not https");
      if (!anywhere && isIP(host) !== 0 && isInternal(host)) throw new Error("the URL names an internal address");
      const send = target.protocol === "https:" ? httpsRequest : httpRequest;
      const call = send(
        target,
        {
          method: "POST",
          headers: { ...headers, "content-length": String(Buffer.byteLength(body)) },
          // No connection is kept: each is checked.
          agent: false,
          signal: AbortSignal.timeout(timeoutMs),
          ...(anywhere ? {} : { lookup: publicOnly }),
        },
        (answer) => {
          const read: Buffer[] = [];
          let bytes = 0;
          answer.on("data", (chunk: Buffer) => {
            bytes += chunk.length;
            if (bytes > maxAnswerBytes) answer.destroy();
            else read.push(chunk);
          });
          answer.on("error", () => undefined);
          answer.on("close", () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(read).toString("utf8") }));
        },
      );
      call.on("error", reject);
      call.end(body);
    });
}

/** Whether a tenant may name this host though its address is internal. */
export const mayBeInternal = (host: string, allowed: OutwardOptions["allowInternal"]): boolean =>
  typeof allowed === "boolean" ? allowed : allowed.has(host.toLowerCase());

type Found = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void;

/** A `lookup` for sockets that knows public addresses only. */
export function publicOnly(host: string, options: LookupOptions, found: Found): void {
  lookup(host, { ...options, all: true }, (error, addresses) => {
    if (error) return found(error, []);
    const allowed = addresses.filter(({ address }) => !isInternal(address));
    const [first] = allowed;
    if (first === undefined) return found(new Error("the host has only internal addresses"), []);
    if (options.all) found(null, allowed);
    else found(null, first.address, first.family);
  });
}

/** IANA's special-purpose registries, as far as nobody's public endpoint is there. */
const internal = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
] as const)
  internal.addSubnet(network, prefix, "ipv4");
// Of IPv6 only global unicast is public, and of that neither documentation, Teredo nor 6to4, which carry other addresses.
const globalUnicast = new BlockList();
globalUnicast.addSubnet("2000::", 3, "ipv6");
for (const [network, prefix] of [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
] as const)
  internal.addSubnet(network, prefix, "ipv6");

/** Whether an address is one that nobody outside may make us reach. */
export function isInternal(address: string): boolean {
  if (isIP(address) === 4) return internal.check(address, "ipv4");
  return !globalUnicast.check(address, "ipv6") || internal.check(address, "ipv6");
}
