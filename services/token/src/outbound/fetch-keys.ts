import { lookup as resolve } from "node:dns";
import { get as getPlain } from "node:http";
import { get } from "node:https";
import { BlockList, isIP, type LookupFunction } from "node:net";

const maxBytes = 256 * 1024;

/** Networks that are nobody's on the Internet: this machine, its neighbours, link-local metadata services, and what maps to them. */
const inside = new BlockList();
for (const [network, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const)
  inside.addSubnet(network, bits, "ipv4");
for (const [network, bits] of [
  ["::", 127],
  ["64:ff9b::", 96],
  ["2002::", 16],
  ["fc00::", 7],
  ["fe80::", 10],
  ["ff00::", 8],
] as const)
  inside.addSubnet(network, bits, "ipv6");

/** Whether an address is one that only this network reaches. */
const isInside = (address: string): boolean => {
  const version = isIP(address);
  return version === 0 || inside.check(address, version === 6 ? "ipv6" : "ipv4");
};

/**
 * Fetches key sets of outside issuers from where an operator said they are. That must be a place on the Internet, by https and without
 * redirects: the address is checked where it is connected to, so that no name can lead inside. `internalHosts` ("host" or "host:port")
 * are excepted, and may speak plain http. At most 256 KiB are read.
 */
export function fetchKeys(internalHosts: readonly string[]): (url: string, options: { signal: AbortSignal }) => Promise<Response> {
  return (url, { signal }) => {
    const target = new URL(url);
    const internal = internalHosts.includes(target.host) || internalHosts.includes(target.hostname);
    const literal = target.hostname.replace(/^\[|\]$/g, "");
    if (target.protocol !== "https:" && !(internal && target.protocol === "http:"))
      return Promise.reject(new Error("a key set is fetched by https"));
    if (!internal && isIP(literal) !== 0 && isInside(literal)) return Promise.reject(new Error(`${target.host} is inside this network`));
    return read(target, signal, internal ? undefined : outsideOnly);
  };
}

const outsideOnly: LookupFunction = (hostname, options, done) =>
  resolve(hostname, { ...options, all: true }, (error, addresses) => {
    const refused =
      error ?? (addresses.some(({ address }) => isInside(address)) ? new Error(`${hostname} leads inside this network`) : null);
    if (refused !== null) done(refused, []);
    else if (options.all) done(null, addresses);
    else done(null, addresses[0]?.address ?? "", addresses[0]?.family);
  });

function read(target: URL, signal: AbortSignal, lookup: LookupFunction | undefined): Promise<Response> {
  return new Promise((done, fail) => {
    const options = { signal, agent: false as const, headers: { accept: "application/json" }, ...(lookup && { lookup }) };
    const request = (target.protocol === "https:" ? get : getPlain)(target, options, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > maxBytes) request.destroy(new Error("the key set is too large"));
        else chunks.push(chunk);
      });
      response.on("error", fail);
      response.on("end", () => {
        if (response.statusCode === 200) done(new Response(Buffer.concat(chunks)));
        else fail(new Error(`${target.origin} answered ${response.statusCode}`));
      });
    });
    request.on("error", fail);
  });
}
