/** The payment guardrail, as teams write it before they know this product. */
export const barePayments = `agent: finance-agent
allowed_tools:
- name: stripe-payments
  actions:
  - create_payment
  conditions:
    max_amount: 5000
`;

/** Ground rules of a tenant, as found in the wild. */
export const bareGovernance = `# agentic-governance.yaml
policy_engine:
  mode: zero_trust
  evaluation: per_action
  fallback: deny
delegation:
  token_ttl_seconds: 300
  max_depth: 3
  scope_inheritance: narrow_only
audit:
  storage: append_only
  schema_version: "1.0"
  capture_reasoning: true
  retention_days: 2555
quotas:
  enforcement_level: prompt
  max_actions_per_prompt: 200
  max_compute_tokens: 500000
  circuit_breaker: pause_and_notify
identity:
  provider: oidc
  agent_registration: dynamic
  impersonation: supported
  shared_keys: disabled
`;

/** Payments with signature, egress and detectors; above 5,000 a human must agree. */
export const payments = `apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: finance }
spec:
  agents: [finance-agent]
  egress:
    allow: [api.stripe.com, "*.ledger.internal"]
  dlp:
    - { detect: [email, us_ssn, credit_card, iban], action: redact }
  tools:
    - name: stripe-payments
      actions:
        - name: create_payment
          parameters:
            amount: { type: number, exclusive_min: 0, max: 5000, beyond: approval_needed }
            currency: { enum: [USD, EUR] }
            recipient: { type: string, matches: "^acct_[a-z0-9]+$" }
            memo: { type: string, max_length: 200, optional: true }
            lines: { type: array, optional: true }
`;
