ALTER TABLE "deployments" ADD COLUMN "run" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "deployments" ADD COLUMN "failed_tries" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "deployments" ADD COLUMN "turn" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "deployments" ADD COLUMN "job_id" uuid;--> statement-breakpoint
ALTER TABLE "deployments" ADD COLUMN "deadline_at" timestamp(3) with time zone;--> statement-breakpoint
ALTER TABLE "deployments" ADD COLUMN "stage_started_at" timestamp(3) with time zone;--> statement-breakpoint
ALTER TABLE "deployments" ADD COLUMN "stalled_since" timestamp(3) with time zone;--> statement-breakpoint
CREATE INDEX "deployments_turn" ON "deployments" ("turn","id") WHERE "status" in ('QUEUED', 'PROVISIONING');--> statement-breakpoint
UPDATE "models" SET "files" = (SELECT jsonb_agg(file - 'source' || jsonb_build_object('sources', jsonb_build_array(file -> 'source'))) FROM jsonb_array_elements("files") AS file) WHERE "files" @? '$[*].source';
--> statement-breakpoint
UPDATE "deployments" SET "deadline_at" = now() + interval '1 hour' WHERE "status" IN ('QUEUED', 'PROVISIONING');
