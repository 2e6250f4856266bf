CREATE TYPE "evaluation_stage" AS ENUM('FETCHING', 'RECOGNIZING');--> statement-breakpoint
CREATE TYPE "evaluation_status" AS ENUM('QUEUED', 'RUNNING', 'COMPLETE', 'FAILED', 'CANCELED');--> statement-breakpoint
CREATE TYPE "test_set_stage" AS ENUM('READING', 'STORING');--> statement-breakpoint
CREATE TYPE "test_set_status" AS ENUM('QUEUED', 'IMPORTING', 'READY', 'FAILED');--> statement-breakpoint
CREATE TABLE "evaluated_items" (
	"evaluation_id" uuid,
	"number" integer,
	"transcript" text NOT NULL,
	"words" integer NOT NULL,
	"substitutions" integer NOT NULL,
	"deletions" integer NOT NULL,
	"insertions" integer NOT NULL,
	"recognition_ms" real NOT NULL,
	CONSTRAINT "evaluated_items_pkey" PRIMARY KEY("evaluation_id","number")
);
--> statement-breakpoint
CREATE TABLE "evaluations" (
	"id" uuid PRIMARY KEY DEFAULT uuidv7(),
	"workspace_id" uuid NOT NULL,
	"progress" real DEFAULT 0 NOT NULL,
	"message" text NOT NULL,
	"sequence" integer DEFAULT 1 NOT NULL,
	"attempt" integer DEFAULT 1 NOT NULL,
	"run" integer DEFAULT 0 NOT NULL,
	"failed_tries" integer DEFAULT 0 NOT NULL,
	"held_by" uuid,
	"dead_runs" integer[] DEFAULT '{}'::integer[] NOT NULL,
	"turn" integer DEFAULT 0 NOT NULL,
	"job_id" uuid,
	"deadline_at" timestamp(3) with time zone,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"completed_at" timestamp(3) with time zone,
	"test_set_id" uuid NOT NULL,
	"deployment_id" uuid,
	"revision" integer,
	"acoustic_model_id" uuid NOT NULL,
	"language_model_id" uuid NOT NULL,
	"status" "evaluation_status" NOT NULL,
	"stage" "evaluation_stage",
	"failure" jsonb,
	"result" jsonb
);
--> statement-breakpoint
CREATE TABLE "test_items" (
	"test_set_id" uuid,
	"number" integer,
	"name" text NOT NULL,
	"transcript" text NOT NULL,
	"sample_rate" integer NOT NULL,
	"byte_offset" bigint NOT NULL,
	"byte_length" integer NOT NULL,
	CONSTRAINT "test_items_pkey" PRIMARY KEY("test_set_id","number")
);
--> statement-breakpoint
CREATE TABLE "test_sets" (
	"id" uuid PRIMARY KEY DEFAULT uuidv7(),
	"workspace_id" uuid NOT NULL,
	"progress" real DEFAULT 0 NOT NULL,
	"message" text NOT NULL,
	"sequence" integer DEFAULT 1 NOT NULL,
	"attempt" integer DEFAULT 1 NOT NULL,
	"run" integer DEFAULT 0 NOT NULL,
	"failed_tries" integer DEFAULT 0 NOT NULL,
	"held_by" uuid,
	"dead_runs" integer[] DEFAULT '{}'::integer[] NOT NULL,
	"turn" integer DEFAULT 0 NOT NULL,
	"job_id" uuid,
	"deadline_at" timestamp(3) with time zone,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"completed_at" timestamp(3) with time zone,
	"name" text NOT NULL,
	"description" text NOT NULL,
	"locale" text NOT NULL,
	"status" "test_set_status" NOT NULL,
	"stage" "test_set_stage",
	"failure" jsonb,
	"source" jsonb,
	"audio" jsonb,
	"items" integer DEFAULT 0 NOT NULL,
	"seconds" real DEFAULT 0 NOT NULL,
	"words" integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
ALTER TABLE "idempotency_keys" ADD COLUMN "test_set_id" uuid;--> statement-breakpoint
ALTER TABLE "idempotency_keys" ADD COLUMN "evaluation_id" uuid;--> statement-breakpoint
CREATE INDEX "idempotency_keys_test_set_id_index" ON "idempotency_keys" ("test_set_id");--> statement-breakpoint
CREATE INDEX "idempotency_keys_evaluation_id_index" ON "idempotency_keys" ("evaluation_id");--> statement-breakpoint
CREATE INDEX "evaluations_workspace_id_id_index" ON "evaluations" ("workspace_id","id");--> statement-breakpoint
CREATE INDEX "evaluations_test_set_id_workspace_id_id_index" ON "evaluations" ("test_set_id","workspace_id","id");--> statement-breakpoint
CREATE INDEX "evaluations_deployment_id_workspace_id_id_index" ON "evaluations" ("deployment_id","workspace_id","id");--> statement-breakpoint
CREATE INDEX "evaluations_unfinished" ON "evaluations" ("deadline_at") WHERE "status" in ('QUEUED', 'RUNNING');--> statement-breakpoint
CREATE UNIQUE INDEX "test_sets_name" ON "test_sets" ("workspace_id","locale",name_key("name"));--> statement-breakpoint
CREATE INDEX "test_sets_workspace_id_id_index" ON "test_sets" ("workspace_id","id");--> statement-breakpoint
CREATE INDEX "test_sets_unfinished" ON "test_sets" ("deadline_at") WHERE "status" in ('QUEUED', 'IMPORTING');--> statement-breakpoint
ALTER TABLE "evaluated_items" ADD CONSTRAINT "evaluated_items_evaluation_id_evaluations_id_fkey" FOREIGN KEY ("evaluation_id") REFERENCES "evaluations"("id") ON DELETE CASCADE;--> statement-breakpoint
ALTER TABLE "evaluations" ADD CONSTRAINT "evaluations_workspace_id_workspaces_id_fkey" FOREIGN KEY ("workspace_id") REFERENCES "workspaces"("id") ON DELETE CASCADE;--> statement-breakpoint
ALTER TABLE "evaluations" ADD CONSTRAINT "evaluations_test_set_id_test_sets_id_fkey" FOREIGN KEY ("test_set_id") REFERENCES "test_sets"("id") ON DELETE CASCADE;--> statement-breakpoint
ALTER TABLE "test_items" ADD CONSTRAINT "test_items_test_set_id_test_sets_id_fkey" FOREIGN KEY ("test_set_id") REFERENCES "test_sets"("id") ON DELETE CASCADE;--> statement-breakpoint
ALTER TABLE "test_sets" ADD CONSTRAINT "test_sets_workspace_id_workspaces_id_fkey" FOREIGN KEY ("workspace_id") REFERENCES "workspaces"("id") ON DELETE CASCADE;--> statement-breakpoint
ALTER TABLE "idempotency_keys" DROP CONSTRAINT "idempotency_keys_made", ADD CONSTRAINT "idempotency_keys_made" CHECK (num_nonnulls("deployment_id", "model_id", "key_id", "test_set_id", "evaluation_id") = 1);--> statement-breakpoint
-- As for other tables: otherwise a workspace with most rows makes the plans for all others.
ALTER TABLE "test_sets" ALTER COLUMN "workspace_id" SET (n_distinct = -0.01);--> statement-breakpoint
ALTER TABLE "evaluations" ALTER COLUMN "workspace_id" SET (n_distinct = -0.01);
