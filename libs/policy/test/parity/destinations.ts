import type { EvaluationInput } from "../../src/input.ts";
import type { Policy } from "../../src/ir.ts";
import type { Random } from "./random.ts";

const urls = [
  "https://api.stripe.com",
  "https://api.stripe.com/v1/charges?x=1#y",
  "HTTPS://API.STRIPE.COM/",
  "https://api.stripe.com:443/",
  "https://api.stripe.com:8443/",
  "http://api.stripe.com:443/",
  "https://api.stripe.com.evil.test/",
  "https://user@api.stripe.com/",
  "https://api.stripe.com\\@evil.test/",
  "https://a.b.ledger.internal/",
  "https://ledger.internal/",
  "https://xn--80ak6aa92e.ledger.internal/",
  "https://boo\u212a.ledger.internal/",
  "http\u017f://api.stripe.com/",
  "https://api.\u017ftripe.com/",
  "https://evil.test/.ledger.internal",
  "https://ehr.internal/patients/acme/records/1/2",
  "https://ehr.internal/patients/acme/records",
  "https://ehr.internal/patients/other/records/1",
  "https://ehr.internal/patients/acme/records/../x",
  "https://ehr.internal/patients/acme/records/%2e%2e/x",
  "https://ehr.internal/patients/acme//records/1",
  "https://ehr.internal/v1/a/x",
  "https://ehr.internal/v1/a/b/x",
  "https://ehr.internal/v1/%C3%A9/x",
  "https://localhost:8443/x",
  "https://localhost:70000/x",
  "https://x.example.com:8080/;a",
  "wss://one.files.test/a.b/(c)+/$d",
  "https://one.files.test/aXb/(c)+/$d",
  "http://10.0.0.1/",
  "http://10.1/",
  "http://0x0a.0.0.1/",
  "http://167772161/",
  "http://010.0.0.1/",
  "http://10.0.0.1./",
  "http://[2001:db8::1]/",
  "http://[2001:DB8:0:0::1]/",
  "http://[::ffff:10.0.0.1]/",
  "https://api.stripe.com/\u0000",
  "https://api.stripe.com/é",
  "https://ｅhr.internal/",
  "ftp://api.stripe.com/",
  "api.stripe.com",
  "",
  "https://api_x.ledger.internal/",
  "https://-.ledger.internal/",
  "https://a..ledger.internal/",
];

/** A place that the policies name, or one that comes near it. */
export function destinationFor(random: Random, about: readonly Policy[]): { url: string; method?: string | undefined } {
  const entries = about.flatMap(({ egress }) => egress?.allow ?? []);
  if (entries.length === 0 || random.chance(0.3)) return { url: random.pick(urls), method: random.maybe(0.6, () => random.pick(methods)) };
  const entry = random.pick(entries);
  const host = entry.host.replace(/^\*/, random.pick(["a", "a.b", "x-1"]));
  const path = entry.path?.includes("patients")
    ? "/patients/acme/records/7"
    : entry.path?.includes("v1")
      ? "/v1/q/x"
      : entry.path
        ? "/a.b/(c)+/$d"
        : "/x";
  return { url: `https://${host}${path}`, method: random.maybe(0.9, () => random.pick([...(entry.methods ?? methods), "get"])) };
}

const methods = ["GET", "POST", "PUT", "HEAD", "get", "Post", ""];

/** Any place at all, or none. */
export function anywhere(random: Random, about: readonly Policy[]): EvaluationInput["destination"] {
  return random.chance(0.15)
    ? undefined
    : random.chance(0.7)
      ? { url: random.pick(urls), method: random.pick(methods) }
      : destinationFor(random, about);
}
