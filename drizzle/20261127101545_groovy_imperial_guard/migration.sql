ALTER TABLE "deployments" ADD COLUMN "held_by" uuid;--> statement-breakpoint
ALTER TABLE "deployments" ADD COLUMN "dead_runs" integer[] DEFAULT '{}'::integer[] NOT NULL;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "held_by" uuid;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "dead_runs" integer[] DEFAULT '{}'::integer[] NOT NULL;