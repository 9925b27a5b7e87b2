/** The events that the ledger itself has to tell of retention. */
export type OwnEventVerb = "held" | "released" | "retired";

/** One of them, as the CloudEvent it is stored as. It holds no secret: whoever reads the tenant's ledger reads it. */
export function ownEvent(
  verb: OwnEventVerb,
  {
    id,
    tenant,
    time,
    data,
  }: { readonly id: string; readonly tenant: string /** RFC 3339. */; readonly time: string; readonly data: object },
) {
  const event = {
    specversion: "1.0",
    id,
    source: "aegis/audit/retention",
    type: `dev.aegis.ledger.${verb}.v1`,
    time,
    datacontenttype: "application/json",
    tenant,
    data,
  };
  return { id, tenant, subject: `aegis.ledger.${tenant}.${verb}`, bytes: Buffer.from(JSON.stringify(event)) };
}
