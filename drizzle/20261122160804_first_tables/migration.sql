CREATE TYPE "deployment_status" AS ENUM('QUEUED', 'PROVISIONING', 'COMPLETE', 'FAILED', 'CANCELED', 'DELETING');--> statement-breakpoint
CREATE TYPE "key_scope" AS ENUM('MANAGE', 'READ', 'RECOGNIZE');--> statement-breakpoint
CREATE TYPE "model_kind" AS ENUM('ACOUSTIC', 'LANGUAGE');--> statement-breakpoint
CREATE TYPE "scenario" AS ENUM('CONVERSATIONAL', 'SEARCH_AND_DICTATION');--> statement-breakpoint
CREATE TYPE "stage" AS ENUM('RESOLVING', 'FETCHING', 'BUILDING', 'LOADING', 'VERIFYING');--> statement-breakpoint
CREATE TABLE "deployment_events" (
	"deployment_id" uuid,
	"sequence" integer,
	"workspace_id" uuid NOT NULL,
	"position" bigint NOT NULL,
	"locale" text NOT NULL,
	"status" "deployment_status" NOT NULL,
	"previous_status" "deployment_status",
	"stage" "stage",
	"progress" real NOT NULL,
	"message" text NOT NULL,
	"occurred_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "deployment_events_pkey" PRIMARY KEY("deployment_id","sequence")
);
--> statement-breakpoint
CREATE TABLE "deployments" (
	"id" uuid PRIMARY KEY DEFAULT uuidv7(),
	"workspace_id" uuid NOT NULL,
	"name" text NOT NULL,
	"description" text NOT NULL,
	"locale" text NOT NULL,
	"acoustic_model_id" uuid NOT NULL,
	"language_model_id" uuid NOT NULL,
	"status" "deployment_status" NOT NULL,
	"stage" "stage",
	"progress" real DEFAULT 0 NOT NULL,
	"failure" jsonb,
	"evidence" jsonb,
	"sequence" integer DEFAULT 0 NOT NULL,
	"attempt" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"started_at" timestamp(3) with time zone,
	"completed_at" timestamp(3) with time zone
);
--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"workspace_id" uuid,
	"key" text,
	"input_hash" text NOT NULL,
	"deployment_id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "idempotency_keys_pkey" PRIMARY KEY("workspace_id","key")
);
--> statement-breakpoint
CREATE TABLE "keys" (
	"id" uuid PRIMARY KEY DEFAULT uuidv7(),
	"workspace_id" uuid NOT NULL,
	"name" text NOT NULL,
	"prefix" text NOT NULL,
	"secret_hash" text NOT NULL,
	"scopes" "key_scope"[] NOT NULL,
	"is_bootstrap" boolean DEFAULT false NOT NULL,
	"last_used_at" timestamp(3) with time zone,
	"expires_at" timestamp(3) with time zone,
	"revoked_at" timestamp(3) with time zone,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "models" (
	"id" uuid PRIMARY KEY,
	"workspace_id" uuid,
	"kind" "model_kind" NOT NULL,
	"locale" text NOT NULL,
	"scenario" "scenario" NOT NULL,
	"name" text NOT NULL,
	"description" text NOT NULL,
	"licence" text NOT NULL,
	"files" jsonb NOT NULL,
	"retired_at" timestamp(3) with time zone,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "settings" (
	"name" text PRIMARY KEY,
	"value" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "workspaces" (
	"id" uuid PRIMARY KEY DEFAULT uuidv7(),
	"name" text NOT NULL,
	"position" bigint DEFAULT 0 NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX "deployment_events_workspace_id_position_index" ON "deployment_events" ("workspace_id","position");--> statement-breakpoint
CREATE UNIQUE INDEX "deployments_name" ON "deployments" ("workspace_id","locale",lower("name"));--> statement-breakpoint
CREATE INDEX "deployments_workspace_id_id_index" ON "deployments" ("workspace_id","id");--> statement-breakpoint
CREATE INDEX "deployments_workspace_name" ON "deployments" ("workspace_id",lower("name"),"id");--> statement-breakpoint
CREATE INDEX "deployments_workspace_id_status_id_index" ON "deployments" ("workspace_id","status","id");--> statement-breakpoint
CREATE INDEX "deployments_workspace_id_updated_at_id_index" ON "deployments" ("workspace_id","updated_at","id");--> statement-breakpoint
CREATE INDEX "deployments_workspace_id_locale_id_index" ON "deployments" ("workspace_id","locale","id");--> statement-breakpoint
CREATE INDEX "deployments_completed_at_index" ON "deployments" ("completed_at") WHERE "status" = 'COMPLETE';--> statement-breakpoint
CREATE INDEX "deployments_acoustic_model_id_index" ON "deployments" ("acoustic_model_id");--> statement-breakpoint
CREATE INDEX "deployments_language_model_id_index" ON "deployments" ("language_model_id");--> statement-breakpoint
CREATE INDEX "idempotency_keys_deployment_id_index" ON "idempotency_keys" ("deployment_id");--> statement-breakpoint
CREATE UNIQUE INDEX "keys_secret_hash_index" ON "keys" ("secret_hash");--> statement-breakpoint
CREATE INDEX "keys_workspace_id_index" ON "keys" ("workspace_id");--> statement-breakpoint
CREATE INDEX "models_workspace_id_index" ON "models" ("workspace_id");--> statement-breakpoint
CREATE INDEX "models_locale_kind_index" ON "models" ("locale","kind");--> statement-breakpoint
ALTER TABLE "deployment_events" ADD CONSTRAINT "deployment_events_workspace_id_workspaces_id_fkey" FOREIGN KEY ("workspace_id") REFERENCES "workspaces"("id") ON DELETE CASCADE;--> statement-breakpoint
ALTER TABLE "deployments" ADD CONSTRAINT "deployments_workspace_id_workspaces_id_fkey" FOREIGN KEY ("workspace_id") REFERENCES "workspaces"("id") ON DELETE CASCADE;--> statement-breakpoint
ALTER TABLE "deployments" ADD CONSTRAINT "deployments_acoustic_model_id_models_id_fkey" FOREIGN KEY ("acoustic_model_id") REFERENCES "models"("id");--> statement-breakpoint
ALTER TABLE "deployments" ADD CONSTRAINT "deployments_language_model_id_models_id_fkey" FOREIGN KEY ("language_model_id") REFERENCES "models"("id");--> statement-breakpoint
ALTER TABLE "idempotency_keys" ADD CONSTRAINT "idempotency_keys_workspace_id_workspaces_id_fkey" FOREIGN KEY ("workspace_id") REFERENCES "workspaces"("id") ON DELETE CASCADE;--> statement-breakpoint
ALTER TABLE "idempotency_keys" ADD CONSTRAINT "idempotency_keys_deployment_id_deployments_id_fkey" FOREIGN KEY ("deployment_id") REFERENCES "deployments"("id") ON DELETE CASCADE;--> statement-breakpoint
ALTER TABLE "keys" ADD CONSTRAINT "keys_workspace_id_workspaces_id_fkey" FOREIGN KEY ("workspace_id") REFERENCES "workspaces"("id") ON DELETE CASCADE;--> statement-breakpoint
ALTER TABLE "models" ADD CONSTRAINT "models_workspace_id_workspaces_id_fkey" FOREIGN KEY ("workspace_id") REFERENCES "workspaces"("id") ON DELETE CASCADE;