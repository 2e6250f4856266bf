CREATE TYPE "revision_status" AS ENUM('QUEUED', 'PROVISIONING', 'COMPLETE', 'FAILED', 'CANCELED');--> statement-breakpoint
ALTER TYPE "stage" ADD VALUE 'EVALUATING';--> statement-breakpoint
CREATE TABLE "deployment_revisions" (
	"id" uuid PRIMARY KEY DEFAULT uuidv7(),
	"workspace_id" uuid NOT NULL,
	"deployment_id" uuid NOT NULL,
	"number" integer NOT NULL,
	"acoustic_model_id" uuid NOT NULL,
	"language_model_id" uuid NOT NULL,
	"note" text NOT NULL,
	"key_id" uuid,
	"status" "revision_status" NOT NULL,
	"stage" "stage",
	"progress" real DEFAULT 0 NOT NULL,
	"failure" jsonb,
	"evidence" jsonb,
	"sequence" integer DEFAULT 0 NOT NULL,
	"attempt" integer DEFAULT 1 NOT NULL,
	"run" integer DEFAULT 0 NOT NULL,
	"failed_tries" integer DEFAULT 0 NOT NULL,
	"held_by" uuid,
	"dead_runs" integer[] DEFAULT '{}'::integer[] NOT NULL,
	"turn" integer DEFAULT 0 NOT NULL,
	"job_id" uuid,
	"deadline_at" timestamp(3) with time zone,
	"stage_started_at" timestamp(3) with time zone,
	"stalled_since" timestamp(3) with time zone,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"started_at" timestamp(3) with time zone,
	"completed_at" timestamp(3) with time zone,
	"shadow_recordings" integer DEFAULT 0 NOT NULL,
	"shadow_words" integer DEFAULT 0 NOT NULL,
	"shadow_differing_words" integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
ALTER TABLE "idempotency_keys" ADD COLUMN "revision" integer;--> statement-breakpoint
ALTER TABLE "deployment_events" ADD COLUMN "revision" integer;--> statement-breakpoint
ALTER TABLE "deployment_events" ADD COLUMN "revision_status" "revision_status";--> statement-breakpoint
ALTER TABLE "deployment_events" ADD COLUMN "previous_revision_status" "revision_status";--> statement-breakpoint
ALTER TABLE "deployment_events" ADD COLUMN "revision_stage" "stage";--> statement-breakpoint
ALTER TABLE "deployment_events" ADD COLUMN "current_revision" integer;--> statement-breakpoint
ALTER TABLE "deployment_events" ADD COLUMN "previous_current_revision" integer;--> statement-breakpoint
ALTER TABLE "deployment_events" ADD COLUMN "pending_revision" integer;--> statement-breakpoint
ALTER TABLE "deployments" ADD COLUMN "revision" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "deployments" ADD COLUMN "last_revision" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "deployments" ADD COLUMN "pending_revision" integer;--> statement-breakpoint
ALTER TABLE "deployments" ADD COLUMN "previous_revision" integer;--> statement-breakpoint
ALTER TABLE "deployments" ADD COLUMN "revision_note" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "deployments" ADD COLUMN "revision_key_id" uuid;--> statement-breakpoint
ALTER TABLE "deployments" ADD COLUMN "revision_created_at" timestamp(3) with time zone;--> statement-breakpoint
ALTER TABLE "deployments" ADD COLUMN "canary_percent" integer;--> statement-breakpoint
ALTER TABLE "deployments" ADD COLUMN "shadow_percent" integer;--> statement-breakpoint
CREATE UNIQUE INDEX "deployment_revisions_number" ON "deployment_revisions" ("deployment_id","number");--> statement-breakpoint
CREATE INDEX "deployment_revisions_turn" ON "deployment_revisions" ("turn","id") WHERE "status" in ('QUEUED', 'PROVISIONING');--> statement-breakpoint
CREATE INDEX "deployment_revisions_workspace_id_index" ON "deployment_revisions" ("workspace_id");--> statement-breakpoint
CREATE INDEX "deployment_revisions_acoustic_model" ON "deployment_revisions" ("acoustic_model_id");--> statement-breakpoint
CREATE INDEX "deployment_revisions_language_model" ON "deployment_revisions" ("language_model_id");--> statement-breakpoint
CREATE INDEX "deployments_pending" ON "deployments" ("updated_at") WHERE "pending_revision" is not null;--> statement-breakpoint
ALTER TABLE "deployment_revisions" ADD CONSTRAINT "deployment_revisions_workspace_id_workspaces_id_fkey" FOREIGN KEY ("workspace_id") REFERENCES "workspaces"("id") ON DELETE CASCADE;--> statement-breakpoint
ALTER TABLE "deployment_revisions" ADD CONSTRAINT "deployment_revisions_deployment_id_deployments_id_fkey" FOREIGN KEY ("deployment_id") REFERENCES "deployments"("id") ON DELETE CASCADE;--> statement-breakpoint
ALTER TABLE "deployment_revisions" ADD CONSTRAINT "deployment_revisions_acoustic_model_id_models_id_fkey" FOREIGN KEY ("acoustic_model_id") REFERENCES "models"("id");--> statement-breakpoint
ALTER TABLE "deployment_revisions" ADD CONSTRAINT "deployment_revisions_language_model_id_models_id_fkey" FOREIGN KEY ("language_model_id") REFERENCES "models"("id");