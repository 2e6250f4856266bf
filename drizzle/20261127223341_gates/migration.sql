ALTER TABLE "deployment_revisions" ADD COLUMN "gate" jsonb;--> statement-breakpoint
ALTER TABLE "deployment_revisions" ADD COLUMN "evaluation_id" uuid;--> statement-breakpoint
ALTER TABLE "deployments" ADD COLUMN "gate" jsonb;