/** The payment guardrail as a team first writes it. */
export const foundPayment = `agent: finance-agent
allowed_tools:
- name: stripe-payments
  actions:
  - create_payment
  conditions:
    max_amount: 5000
`;

/** A tenant's ground rules as a governance team writes them. */
export const foundGovernance = `# agentic-governance.yaml
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

/** The same guardrail, spelled out: every parameter, a human above 5,000, one place to send money, nothing personal in a memo. */
export const payment = `apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: finance }
spec:
  agents: [finance-agent]
  delegation: { accept_from: [planner-agent], max_depth: 1 }
  egress:
    allow: [api.stripe.com]
  dlp:
    - { detect: [email, credit_card, iban, us_ssn], action: redact }
  limits:
    - { budget: daily, actions: 500 }
  tools:
    - name: stripe-payments
      justification: pays approved supplier invoices
      deny: [delete_*]
      actions:
        - name: create_payment
          cost: { usd: 0.3 }
          parameters:
            amount:    { type: number, exclusive_min: 0, max: 5000, beyond: approval_needed }
            currency:  { enum: [USD, EUR], optional: true }
            recipient: { type: string, matches: "^acct_[a-z0-9]+$", optional: true }
            memo:      { type: string, max_length: 200, optional: true }
          approval: { queue: finance, quorum: 1, expires: 30m }
        - name: refund_payment
          parameters:
            amount:    { type: number, exclusive_min: 0, max: 500 }
`;

/** Records may be read for care, on the internal domain; they never leave. */
export const records = `apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: clinical }
spec:
  agents: [clinical-agent]
  purposes: [care]
  egress:
    allow:
      - { host: ehr.internal, path: "/patients/{tenant}/records/**", methods: [GET, POST] }
  dlp:
    - { detect: [us_ssn, email, credit_card], action: redact }
  tools:
    - name: ehr
      justification: reads charts of patients in treatment
      deny: [export_*]
      actions:
        - name: read_record
          parameters:
            patient: { type: string, matches: "^p-[0-9]+$" }
        - name: add_note
          parameters:
            patient: { type: string, matches: "^p-[0-9]+$" }
            note:    { type: string, max_length: 2000 }
`;

/** A policy on trial: it lets everything through and says what it would have done. */
export const trial = `apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: research-trial }
spec:
  agents: [research-agent]
  mode: shadow
  tools:
    - name: web
      actions:
        - name: search
          parameters:
            query: { type: string, max_length: 100 }
`;
