import type { LookupAddress, LookupOptions } from "node:dns";
import { lookup } from "node:dns";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { BlockList, isIP } from "node:net";

const timeoutMs = 8_000;
const maxAnswerBytes = 64 * 1024;

interface Post {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Resolves to the status. */
export type Poster = (post: Post) => Promise<number>;

/**
 * Posts to addresses that tenants choose, so only to where they may reach: https, no login in the URL, no address that is private,
 * loopback, link-local or reserved, checked on the very address that is connected to. Redirects are not followed, an answer is read up to
 * 64 KiB, and all of it takes eight seconds at most. `allowInternal`, for development, lifts https and the addresses.
 */
export function poster(options: { readonly allowInternal: boolean }): Poster {
  return ({ url, headers, body }) =>
    new Promise((resolve, reject) => {
      // A URL may be a secret, and its own error would show it to the log.
      if (!URL.canParse(url)) throw new Error("the URL is not usable");
      const target = new URL(url);
      if (target.username !== "" || target.password !== "") throw new Error("the URL holds a login");
      if (target.protocol !== "https:" && !(options.allowInternal && target.protocol === "http:")) throw new Error("the URL is not https");
      const host = target.hostname.replace(/^\[|\]$/g, "");
      if (!options.allowInternal && isIP(host) !== 0 && isInternal(host)) throw new Error("the URL names an internal address");
      const send = target.protocol === "https:" ? httpsRequest : httpRequest;
      const call = send(
        target,
        {
          method: "POST",
          headers: { ...headers, "content-length": String(Buffer.byteLength(body)) },
          // No connection is kept: each is checked.
          agent: false,
          signal: AbortSignal.timeout(timeoutMs),
          ...(options.allowInternal ? {} : { lookup: publicOnly }),
        },
        (answer) => {
          let read = 0;
          answer.on("data", (chunk: Buffer) => {
            read += chunk.length;
            if (read > maxAnswerBytes) answer.destroy();
          });
          answer.on("error", () => undefined);
          answer.on("close", () => resolve(answer.statusCode ?? 0));
        },
      );
      call.on("error", reject);
      call.end(body);
    });
}

type Found = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void;

function publicOnly(host: string, options: LookupOptions, found: Found): void {
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
