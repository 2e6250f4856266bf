ALTER TABLE "deployment_revisions" ADD COLUMN "gate" jsonb;--> statement-breakpoint
ALTER TABLE "deployment_revisions" ADD COLUMN "evaluation_id" uuid;--> statement-breakpoint
ALTER TABLE "deployments" ADD COLUMN "gate" jsonb;--> statement-breakpoint
CREATE INDEX "deployments_previous" ON "deployments" ("updated_at") WHERE "previous_revision" is not null;