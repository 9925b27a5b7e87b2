import type { Context } from "../context.ts";
import { control, query } from "./control.ts";

/** What agents of one sort are. */
export interface Template {
  readonly tenant: string;
  readonly name: string;
  readonly purpose?: string | undefined;
  readonly kind?: string | undefined;
  readonly risk?: string | undefined;
  readonly scope: readonly string[];
  readonly mayAct: readonly string[];
}

export async function addTemplate(context: Context, template: Template): Promise<Template> {
  const service = await control(context, "token", { role: "admin", tenant: template.tenant });
  return service.json("/v1/templates", { json: template });
}

export async function listTemplates(context: Context, tenant: string): Promise<Template[]> {
  const service = await control(context, "token", { role: "auditor", tenant });
  return (await service.json<{ templates: Template[] }>(`/v1/templates${query({ tenant })}`)).templates;
}

export async function removeTemplate(context: Context, tenant: string, name: string): Promise<void> {
  const service = await control(context, "token", { role: "admin", tenant });
  await service.json(`/v1/templates/${encodeURIComponent(name)}${query({ tenant })}`, { method: "DELETE" });
}
