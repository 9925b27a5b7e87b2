ALTER TABLE revisions
  -- The head when this revision was made, 0 for none; null for revisions from before this was kept.
  ADD COLUMN follows integer,
  -- The rules in force when it was made ask for a second person: it becomes the head when one has approved it.
  ADD COLUMN proposed boolean NOT NULL DEFAULT false,
  ADD COLUMN approver text,
  ADD COLUMN approved_at timestamptz,
  -- Under this revision, what comes next asks for a second person.
  ADD COLUMN guarded boolean NOT NULL DEFAULT false,
  -- Policies that are enforced from here on and were in shadow before, when made by a promotion.
  ADD COLUMN promotes text[],
  -- When the first replica said that it enforces it.
  ADD COLUMN activated_at timestamptz,
  ADD CHECK ((approver IS NULL) = (approved_at IS NULL)),
  ADD CHECK (approver IS NULL OR proposed),
  -- Two people, under any spelling.
  ADD CHECK (regexp_replace(lower(approver), '^user:', '') <> regexp_replace(lower(author), '^user:', ''));

GRANT UPDATE (approver, approved_at, activated_at) ON revisions TO policy_compiler;

-- Whatever a process believes, also one of the version before: a guarded head is followed by what two people stand for, or not at all.
CREATE FUNCTION guard_head() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF EXISTS (SELECT FROM revisions r WHERE r.tenant = OLD.tenant AND r.revision = OLD.revision AND r.guarded)
    AND NOT EXISTS (
      SELECT FROM revisions r
      WHERE r.tenant = OLD.tenant AND r.revision = NEW.revision AND r.follows = OLD.revision AND r.approver IS NOT NULL)
  THEN
    RAISE EXCEPTION 'revision % of % has not been approved by a second person', NEW.revision, OLD.tenant USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER guarded BEFORE UPDATE OF revision ON heads FOR EACH ROW WHEN (NEW.revision <> OLD.revision) EXECUTE FUNCTION guard_head();
