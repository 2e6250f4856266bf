ALTER TABLE "idempotency_keys" DROP CONSTRAINT "idempotency_keys_deployment_id_deployments_id_fkey";--> statement-breakpoint
ALTER TABLE "idempotency_keys" DROP CONSTRAINT "idempotency_keys_model_id_models_id_fkey";--> statement-breakpoint
ALTER TABLE "idempotency_keys" ADD COLUMN "key_id" uuid;--> statement-breakpoint
ALTER TABLE "idempotency_keys" ADD COLUMN "sealed_secret" text;--> statement-breakpoint
ALTER TABLE "idempotency_keys" ADD COLUMN "expires_at" timestamp(3) with time zone;--> statement-breakpoint
ALTER TABLE "uploads" ADD COLUMN "used_at" timestamp(3) with time zone;--> statement-breakpoint
CREATE INDEX "idempotency_keys_key_id_index" ON "idempotency_keys" ("key_id");--> statement-breakpoint
CREATE INDEX "idempotency_keys_expires_at_index" ON "idempotency_keys" ("expires_at") WHERE "expires_at" is not null;--> statement-breakpoint
ALTER TABLE "idempotency_keys" DROP CONSTRAINT "idempotency_keys_made", ADD CONSTRAINT "idempotency_keys_made" CHECK (num_nonnulls("deployment_id", "model_id", "key_id") = 1);