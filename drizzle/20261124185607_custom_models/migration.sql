CREATE TYPE "model_stage" AS ENUM('FETCHING', 'CHECKING', 'TRAINING', 'EVALUATING', 'VERIFYING');--> statement-breakpoint
CREATE TYPE "model_status" AS ENUM('QUEUED', 'BUILDING', 'READY', 'FAILED', 'CANCELED', 'DELETING');--> statement-breakpoint
CREATE TYPE "upload_kind" AS ENUM('TEXT', 'RECORDINGS', 'ACOUSTIC_MODEL');--> statement-breakpoint
CREATE TABLE "licence_acceptances" (
	"workspace_id" uuid,
	"licence" text,
	"accepted_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"key_id" uuid NOT NULL,
	CONSTRAINT "licence_acceptances_pkey" PRIMARY KEY("workspace_id","licence")
);
--> statement-breakpoint
CREATE TABLE "model_events" (
	"model_id" uuid,
	"sequence" integer,
	"workspace_id" uuid NOT NULL,
	"position" bigint NOT NULL,
	"kind" "model_kind" NOT NULL,
	"status" "model_status" NOT NULL,
	"previous_status" "model_status",
	"stage" "model_stage",
	"progress" real NOT NULL,
	"message" text NOT NULL,
	"occurred_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "model_events_pkey" PRIMARY KEY("model_id","sequence")
);
--> statement-breakpoint
CREATE TABLE "model_texts" (
	"model_id" uuid PRIMARY KEY,
	"text" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "uploads" (
	"id" uuid PRIMARY KEY DEFAULT uuidv7(),
	"workspace_id" uuid NOT NULL,
	"kind" "upload_kind" NOT NULL,
	"sha256" text NOT NULL,
	"size" bigint NOT NULL,
	"lines" integer,
	"skipped_lines" integer,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp(3) with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "licence_url" text;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "base_model_id" uuid;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "recipe" jsonb;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "status" "model_status" DEFAULT 'READY'::"model_status" NOT NULL;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "stage" "model_stage";--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "progress" real DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "failure" jsonb;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "statistics" jsonb;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "evaluation" jsonb;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "sequence" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "attempt" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "run" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "failed_tries" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "job_id" uuid;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "deadline_at" timestamp(3) with time zone;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "completed_at" timestamp(3) with time zone;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "model_position" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX "model_events_workspace_id_position_index" ON "model_events" ("workspace_id","position");--> statement-breakpoint
CREATE UNIQUE INDEX "models_name" ON "models" ("workspace_id","kind","locale",lower("name")) WHERE "workspace_id" is not null;--> statement-breakpoint
CREATE INDEX "models_unfinished" ON "models" ("deadline_at") WHERE "status" in ('QUEUED', 'BUILDING');--> statement-breakpoint
CREATE UNIQUE INDEX "uploads_workspace_id_kind_sha256_index" ON "uploads" ("workspace_id","kind","sha256");--> statement-breakpoint
CREATE INDEX "uploads_expires_at_index" ON "uploads" ("expires_at");--> statement-breakpoint
ALTER TABLE "licence_acceptances" ADD CONSTRAINT "licence_acceptances_workspace_id_workspaces_id_fkey" FOREIGN KEY ("workspace_id") REFERENCES "workspaces"("id") ON DELETE CASCADE;--> statement-breakpoint
ALTER TABLE "model_events" ADD CONSTRAINT "model_events_workspace_id_workspaces_id_fkey" FOREIGN KEY ("workspace_id") REFERENCES "workspaces"("id") ON DELETE CASCADE;--> statement-breakpoint
ALTER TABLE "model_texts" ADD CONSTRAINT "model_texts_model_id_models_id_fkey" FOREIGN KEY ("model_id") REFERENCES "models"("id") ON DELETE CASCADE;--> statement-breakpoint
ALTER TABLE "models" ADD CONSTRAINT "models_base_model_id_models_id_fkey" FOREIGN KEY ("base_model_id") REFERENCES "models"("id");--> statement-breakpoint
ALTER TABLE "uploads" ADD CONSTRAINT "uploads_workspace_id_workspaces_id_fkey" FOREIGN KEY ("workspace_id") REFERENCES "workspaces"("id") ON DELETE CASCADE;