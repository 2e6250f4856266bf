-- Contained in every distribution of Postgres, and trusted: the owner of the database can create them.
CREATE EXTENSION IF NOT EXISTS pg_trgm;--> statement-breakpoint
CREATE EXTENSION IF NOT EXISTS btree_gin;--> statement-breakpoint
-- Name and description as searches compare them. A line break, which no key contains, keeps a match within one of the two.
ALTER TABLE "deployments" ADD COLUMN "search_key" text GENERATED ALWAYS AS (name_key("name") || E'\n' || name_key("description")) STORED;--> statement-breakpoint
CREATE TABLE "deployment_counts" (
	"workspace_id" uuid,
	"locale" text,
	"status" "deployment_status",
	"count" integer NOT NULL,
	CONSTRAINT "deployment_counts_pkey" PRIMARY KEY("workspace_id","locale","status")
);
--> statement-breakpoint
DROP INDEX "deployments_acoustic_model_id_index";--> statement-breakpoint
DROP INDEX "deployments_language_model_id_index";--> statement-breakpoint
DROP INDEX "keys_workspace_id_index";--> statement-breakpoint
DROP INDEX "models_workspace_id_index";--> statement-breakpoint
DROP INDEX "models_locale_kind_index";--> statement-breakpoint
CREATE INDEX "deployments_acoustic_model" ON "deployments" ("acoustic_model_id","workspace_id","id");--> statement-breakpoint
CREATE INDEX "deployments_language_model" ON "deployments" ("language_model_id","workspace_id","id");--> statement-breakpoint
CREATE INDEX "deployments_search" ON "deployments" USING gin ("workspace_id","search_key" gin_trgm_ops);--> statement-breakpoint
CREATE INDEX "keys_workspace_id_id_index" ON "keys" ("workspace_id","id");--> statement-breakpoint
CREATE INDEX "models_workspace_id_locale_kind_index" ON "models" ("workspace_id","locale","kind");--> statement-breakpoint
CREATE INDEX "uploads_workspace_id_id_index" ON "uploads" ("workspace_id","id");--> statement-breakpoint
-- A counter changes with every statement; the free space keeps its versions on one page.
ALTER TABLE "deployment_counts" SET (fillfactor = 50);--> statement-breakpoint
-- Counters are changed in the order of their key, so that two statements wait for each other in one direction only.
CREATE OR REPLACE FUNCTION count_deployments() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO deployment_counts AS counted
    SELECT workspace_id, locale, status, count(*) FROM new_rows GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (workspace_id, locale, status) DO UPDATE SET count = counted.count + excluded.count;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO deployment_counts AS counted
    SELECT workspace_id, locale, status, -count(*) FROM old_rows GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (workspace_id, locale, status) DO UPDATE SET count = counted.count + excluded.count;
  ELSE
    INSERT INTO deployment_counts AS counted
    SELECT workspace_id, locale, status, sum(difference) FROM (
      SELECT workspace_id, locale, status, -1 AS difference FROM old_rows
      UNION ALL SELECT workspace_id, locale, status, 1 FROM new_rows
    ) AS changed GROUP BY 1, 2, 3 HAVING sum(difference) <> 0 ORDER BY 1, 2, 3
    ON CONFLICT (workspace_id, locale, status) DO UPDATE SET count = counted.count + excluded.count;
  END IF;
  RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER deployments_inserted AFTER INSERT ON "deployments" REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_deployments();--> statement-breakpoint
CREATE TRIGGER deployments_updated AFTER UPDATE ON "deployments" REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_deployments();--> statement-breakpoint
CREATE TRIGGER deployments_deleted AFTER DELETE ON "deployments" REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION count_deployments();--> statement-breakpoint
-- The table is locked since the column was added, so nothing changes between the triggers and these counts.
INSERT INTO deployment_counts SELECT workspace_id, locale, status, count(*) FROM "deployments" GROUP BY 1, 2, 3;--> statement-breakpoint
-- Plans that serve every workspace suppose so many rows of one, however many others exist: 333, or 100 where quotas are low.
-- Otherwise a plan made for an average workspace reads the rows of all of them in the order of the primary key.
ALTER TABLE "deployments" ALTER COLUMN "workspace_id" SET (n_distinct = -0.003);--> statement-breakpoint
ALTER TABLE "deployment_events" ALTER COLUMN "workspace_id" SET (n_distinct = -0.003);--> statement-breakpoint
ALTER TABLE "models" ALTER COLUMN "workspace_id" SET (n_distinct = -0.01);--> statement-breakpoint
ALTER TABLE "model_events" ALTER COLUMN "workspace_id" SET (n_distinct = -0.01);--> statement-breakpoint
ALTER TABLE "keys" ALTER COLUMN "workspace_id" SET (n_distinct = -0.01);--> statement-breakpoint
ALTER TABLE "sessions" ALTER COLUMN "workspace_id" SET (n_distinct = -0.01);--> statement-breakpoint
ALTER TABLE "uploads" ALTER COLUMN "workspace_id" SET (n_distinct = -0.01);--> statement-breakpoint
ALTER TABLE "idempotency_keys" ALTER COLUMN "workspace_id" SET (n_distinct = -0.01);--> statement-breakpoint
ANALYZE "deployments", "deployment_events", "models", "model_events", "keys", "sessions", "uploads", "idempotency_keys";
