/** What stands before an approval's id where an override token is expected. */
const prefix = "approval:";

/** An approval presented by its id, in place of an override token. It is no secret: who presents it must be who asked. */
export const overrideOfApproval = (approvalId: string): string => `${prefix}${approvalId}`;

/** The approval that is presented by its id; undefined for an override token. */
export const approvalOfOverride = (override: string): string | undefined =>
  override.startsWith(prefix) ? override.slice(prefix.length) : undefined;
