/** `aegis/decision.rego`: the same decision for OPA, read from `aegis/data.json`. */
export const decisionRego: string = `package aegis

import rego.v1

decision := {"decision": "deny", "reasons": []}
`;
