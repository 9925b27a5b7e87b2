import type { Command } from "commander";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { exchangeToken, issueToken, revokeToken, type TokenRequest } from "../clients/tokens.ts";
import { action, type Context } from "../context.ts";
import { usage } from "../failure.ts";
import { readIfPresent } from "../files.ts";
import { summaries } from "./summaries.ts";

interface IssueOptions {
  agent: string;
  scope?: string;
  authorizationDetails?: string;
  prompt?: string;
  session?: string;
  key?: string;
  instance?: string;
}

/** `aegis token`: agents' tokens. */
export function tokenCommands(program: Command): void {
  const token = program.command("token").description(summaries.token);
  issuing(token.command("issue").description("issue an agent its own token")).action(
    action<IssueOptions, []>(async (context, options) => {
      const issued = await issueToken(context, await requestOf(context, options));
      context.output.result(issued, () => issued.access_token);
    }),
  );
  issuing(token.command("exchange").description("delegate: exchange a parent's, or a user's, token for a narrower one of an agent"))
    .requiredOption("--subject-token <jwt>", "the parent's token, or with --user the user's")
    .option("--user", "the subject token is a user's, of an issuer that the tenant trusts")
    .action(
      action<IssueOptions & { subjectToken: string; user?: boolean }, []>(async (context, options) => {
        const { subjectToken, user = false } = options;
        const issued = await exchangeToken(context, { ...(await requestOf(context, options)), subjectToken, user });
        context.output.result(issued, () => issued.access_token);
      }),
    );
  token
    .command("revoke")
    .description("revoke a token and all that was delegated from it; aegis agent delegations shows ids")
    .argument("<token>", "the token, or its id")
    .action(
      action<object, [string]>(async (context, _options, given) => {
        const { revoked } = await revokeToken(context, context.tenant(), given);
        context.output.result({ revoked }, () => (revoked === 0 ? "nothing to revoke" : `${revoked} tokens are revoked`));
      }),
    );
  token
    .command("inspect")
    .description("show what a token claims; nothing is verified")
    .argument("<jwt>")
    .action(
      action<object, [string]>(async (context, _options, jwt) => {
        const shown = parts(jwt);
        context.output.result(shown, () => JSON.stringify(shown, null, 2));
      }),
    );
}

function issuing(command: Command): Command {
  return command
    .requiredOption("--agent <name>", "the agent that will hold the token")
    .option("--scope <items>", "tool:action items separated by spaces; default: all it may have")
    .option(
      "--authorization-details <json|file>",
      "what of its scope the token is to be good for (RFC 9396): a JSON array, or a file with one",
    )
    .option("--prompt <id>", "bind the token to a prompt")
    .option("--session <id>", "bind the token to a session")
    .option("--instance <name>", "which copy of the agent this is")
    .option("--key <file>", "the agent's private JWK, when it is not in the data directory");
}

async function requestOf(context: Context, options: IssueOptions): Promise<TokenRequest> {
  const { agent, scope, authorizationDetails: given, prompt, session, key, instance } = options;
  const details = given === undefined || given.trimStart().startsWith("[") ? given : await readIfPresent(given);
  if (given !== undefined && details === undefined) throw usage(`${given} is no JSON array, and there is no such file`);
  return { tenant: context.tenant(), agent, scope, details, prompt, session, instance, keyFile: key };
}

function parts(jwt: string): { header: unknown; claims: unknown } {
  try {
    return { header: decodeProtectedHeader(jwt), claims: decodeJwt(jwt) };
  } catch {
    throw usage("that is not a JWT: give the whole access_token");
  }
}
