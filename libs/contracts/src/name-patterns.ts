// Apart from the schemas of `names.ts`, so that a command line and an SDK need not load those.

/** One NATS subject token: an organisation, tenant or agent. */
export const namePattern = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** A tool or an action: ASCII and case-sensitive, so that homoglyphs never match. */
export const toolPattern = /^[A-Za-z0-9][A-Za-z0-9_./:-]{0,127}$/;
