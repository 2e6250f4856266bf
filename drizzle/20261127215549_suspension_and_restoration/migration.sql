ALTER TYPE "deployment_status" ADD VALUE 'SUSPENDED' BEFORE 'FAILED';--> statement-breakpoint
CREATE TABLE "deleted_deployments" (
	"id" uuid PRIMARY KEY,
	"workspace_id" uuid NOT NULL,
	"name" text NOT NULL,
	"description" text NOT NULL,
	"locale" text NOT NULL,
	"acoustic_model_id" uuid NOT NULL,
	"language_model_id" uuid NOT NULL,
	"sequence" integer NOT NULL,
	"attempt" integer NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"deleted_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"more" jsonb
);
--> statement-breakpoint
ALTER TABLE "deployments" ADD COLUMN "suspended_at" timestamp(3) with time zone;--> statement-breakpoint
CREATE INDEX "deleted_deployments_workspace_id_deleted_at_id_index" ON "deleted_deployments" ("workspace_id","deleted_at","id");--> statement-breakpoint
CREATE INDEX "deployments_suspended" ON "deployments" ("suspended_at") WHERE "suspended_at" is not null;--> statement-breakpoint
ALTER TABLE "deleted_deployments" ADD CONSTRAINT "deleted_deployments_workspace_id_workspaces_id_fkey" FOREIGN KEY ("workspace_id") REFERENCES "workspaces"("id") ON DELETE CASCADE;--> statement-breakpoint
ALTER TABLE "deleted_deployments" ALTER COLUMN "workspace_id" SET (n_distinct = -0.01);--> statement-breakpoint
ALTER TABLE "deployment_revisions" ALTER COLUMN "workspace_id" SET (n_distinct = -0.01);