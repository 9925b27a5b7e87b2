import { registerHooks } from "node:module";
import { pathToFileURL } from "node:url";
import { ordersVariable } from "./orders.ts";

/**
 * `node --import` of this puts test doubles around modules of authz and audit: the product's own code is run unchanged and knows nothing
 * of it. Each double exports `wrap(real)`, which gives the wrapped exports.
 */
const doubles: readonly { readonly module: string; readonly double: string; readonly names: readonly string[] }[] = [
  { module: "/libs/spool/src/files.ts", double: "./files.ts", names: ["systemFiles"] },
  { module: "/libs/bus/src/pipeline.ts", double: "./pipeline.ts", names: ["openPipeline"] },
  { module: "/services/authz/src/outbound/event-log.ts", double: "./event-log.ts", names: ["eventLog"] },
  { module: "/services/audit/src/domain/settle.ts", double: "./settle.ts", names: ["settle"] },
];

const isDrilled = process.env[ordersVariable] !== undefined && /\/services\/(authz|audit)\/src\/main\.ts$/.test(process.argv[1] ?? "");

if (isDrilled) {
  registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context);
      return doubles.some(({ module }) => found.url.endsWith(module)) ? { ...found, url: `${found.url}?doubled` } : found;
    },
    load(url, context, next) {
      const double = doubles.find(({ module }) => url.endsWith(`${module}?doubled`));
      if (double === undefined) return next(url, context);
      const real = url.replace("?doubled", "?real");
      const wrapper = new URL(double.double, pathToFileURL(import.meta.filename)).href;
      const source = [
        `import * as real from ${JSON.stringify(real)};`,
        `import { wrap } from ${JSON.stringify(wrapper)};`,
        `export * from ${JSON.stringify(real)};`,
        "const wrapped = wrap(real);",
        ...double.names.map((name) => `export const ${name} = wrapped.${name};`),
      ].join("\n");
      return { format: "module", source, shortCircuit: true };
    },
  });
}
