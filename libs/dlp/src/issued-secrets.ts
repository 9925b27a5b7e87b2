/**
 * Tokens whose issuers gave them a form of their own, each by how it begins. Forms are as the issuers document them; docs/reference/dlp.md
 * names each. A form is looked for in runs of 16 and more letters, digits, "_", "-" and "." only.
 */
const forms: readonly string[] = [
  // Clouds and hosting
  "(?:AKIA|ASIA|ABIA|ACCA|AROA|AIDA|AGPA|ANPA|ANVA|APKA)[A-Z2-7]{16}(?![A-Za-z0-9])",
  "AKIA[A-Z0-9]{16}(?![A-Za-z0-9])",
  "AIza[\\w-]{35}(?![\\w-])",
  "ya29\\.[\\w-]{20,512}",
  "GOCSPX-[\\w-]{28}",
  "do[opr]_v1_[0-9a-f]{64}",
  "dapi[0-9a-f]{32}(?:-\\d)?(?![A-Za-z0-9])",
  "LTAI[A-Za-z0-9]{12,24}(?![A-Za-z0-9])",
  "v1\\.0-[0-9a-f]{24}-[0-9a-f]{146}",
  "HRKU-[\\w-]{36,64}",
  "fo1_[\\w-]{43}",
  "FlyV1_?[\\w-]{20,255}",
  "pul-[0-9a-f]{40}",
  "hv[sbr]\\.[\\w-]{24,255}",
  "[A-Za-z0-9]{14}\\.atlasv1\\.[\\w-]{60,70}",
  "dp\\.(?:pt|st|ct|sa|scim|audit)\\.(?:[a-z0-9-]{2,35}\\.)?[A-Za-z0-9]{40,44}",
  "pscale_(?:tkn|pw|oauth)_[\\w.-]{32,64}",
  "sbp_[0-9a-f]{40}",
  "ops_eyJ[\\w-]{50,4096}",
  // Code and packages
  "gh[pousr]_[A-Za-z0-9]{36,255}",
  "github_pat_\\w{22,255}",
  "gl(?:pat|ptt|dt|rt|cbt|ft|imt|agent|oas|soat|ffct)-[\\w.-]{20,64}",
  "npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])",
  "pypi-[\\w-]{50,512}",
  "rubygems_[0-9a-f]{48}",
  "CLOJARS_[a-z0-9]{60}",
  "cio[A-Za-z0-9]{32}(?![A-Za-z0-9])",
  "dckr_(?:pat|oat)_[\\w-]{27,64}",
  "AKCp[A-Za-z0-9]{10,70}",
  "ATATT3[\\w-]{60,255}",
  "ATBB[A-Za-z0-9]{24,64}",
  "sq[aup]_[0-9a-f]{40}",
  "sntry[su]_[\\w-]{20,512}",
  "glc_[A-Za-z0-9_-]{32,400}",
  "glsa_[A-Za-z0-9]{32}_[0-9A-Fa-f]{8}",
  "NRAK-[A-Z0-9]{27}",
  "NRJS-[0-9a-f]{19}",
  "dt0[a-z]\\d{2}\\.[A-Z0-9]{24}\\.[A-Z0-9]{64}",
  "PMAK-[0-9a-f]{24}-[0-9a-f]{34}",
  "lin_(?:api|oauth)_[A-Za-z0-9]{32,64}",
  "figd_[\\w-]{40,64}",
  "(?:ntn_|secret_)[A-Za-z0-9]{40,50}(?![A-Za-z0-9])",
  "pat[A-Za-z0-9]{14}\\.[0-9a-f]{64}",
  "tfp_[\\w.-]{40,64}",
  "rdme_[a-z0-9]{70}",
  "pnu_[A-Za-z0-9]{36}",
  "PKG[A-Z0-9]{0,4}-[\\w-]{20,64}",
  // Messages and mail
  "xox[abeoprs]-[A-Za-z0-9-]{10,255}",
  "xapp-\\d-[A-Z0-9]{1,32}-\\d{1,20}-[a-z0-9]{20,128}",
  "SG\\.[\\w-]{16,32}\\.[\\w-]{16,64}",
  "key-[0-9a-f]{32}(?![A-Za-z0-9])",
  "[0-9a-f]{32}-us\\d{1,2}(?![A-Za-z0-9])",
  "(?:SK|AC)[0-9a-f]{32}(?![A-Za-z0-9])",
  "xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}",
  "[MNO][A-Za-z\\d_-]{23,27}\\.[A-Za-z\\d_-]{6}\\.[A-Za-z\\d_-]{27,40}(?![\\w-])",
  // Payments and shops
  "(?:sk|rk|whsec)_(?:(?:live|test|prod)_)?[A-Za-z0-9]{16,255}",
  "shp(?:at|ca|pa|ss)_[0-9A-Fa-f]{32}",
  "sq0[a-z]{3}-[\\w-]{22,43}",
  "EAAA[\\w-]{60}",
  "EZ[AT]K[A-Za-z0-9]{54}",
  "FLWSECK(?:_TEST)?-[0-9a-zA-Z]{12,64}",
  "shippo_(?:live|test)_[0-9a-f]{40}",
  "access_token\\$production\\$[0-9a-z]{16}\\$[0-9a-f]{32}",
  "(?:live|test)_[A-Za-z0-9]{35}(?![A-Za-z0-9])",
  // Models
  "sk-(?:[a-z0-9]{2,12}-){0,3}[A-Za-z0-9_-]{20,255}",
  "hf_[A-Za-z0-9]{30,64}",
  "r8_[A-Za-z0-9]{37,40}",
  "gsk_[A-Za-z0-9]{52}",
  "xai-[A-Za-z0-9]{70,90}",
  "pplx-[A-Za-z0-9]{48,64}",
  // Keys and signed tokens
  "AGE-SECRET-KEY-1[0-9A-Z]{58}",
  "eyJ[\\w-]{8,4096}\\.[\\w-]{8,16384}\\.[\\w-]{0,4096}",
  "eyJ[\\w-]{8,4096}\\.[\\w-]{0,4096}\\.[\\w-]{0,1024}\\.[\\w-]{8,16384}\\.[\\w-]{0,1024}",
];

const boundary = "(?<![A-Za-z0-9])";

/** Any issued form, found anywhere in a run. */
export const issuedSecret = new RegExp(`${boundary}(?:${forms.join("|")})`, "g");

/** Forms with characters that no run holds: chat bots' tokens, web hooks, connection strings. First group: the secret. */
export const longerForms: readonly { readonly hint: string; readonly pattern: RegExp }[] = [
  { hint: ":AA", pattern: /(?<![A-Za-z0-9])(\d{8,10}:AA[\w-]{33})(?![\w-])/dg },
  {
    hint: "hooks.slack.com/",
    pattern: /hooks\.slack\.com\/((?:services|workflows|triggers)\/[A-Za-z0-9+/]{20,128})/dg,
  },
  { hint: ".webhook.office.com/", pattern: /\.webhook\.office\.com\/(webhookb2\/[\w@-]{20,128}\/IncomingWebhook\/[\w/-]{20,128})/dg },
  { hint: "/api/webhooks/", pattern: /discord(?:app)?\.com\/api\/webhooks\/(\d{16,20}\/[\w-]{40,128})/dg },
  { hint: "AccountKey=", pattern: /AccountKey=([A-Za-z0-9+/]{40,100}={0,2})/dg },
  { hint: "SharedAccessKey=", pattern: /SharedAccessKey=([A-Za-z0-9+/]{40,100}={0,2})/dg },
  { hint: "sig=", pattern: /[?&]sig=([A-Za-z0-9%+/]{40,128}={0,2})/dg },
  { hint: "bedrock-api-key-", pattern: /(?<![A-Za-z0-9])(bedrock-api-key-[A-Za-z0-9+/=]{20,512})/dg },
];
