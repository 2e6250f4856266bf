ALTER TABLE "idempotency_keys" ADD COLUMN "model_id" uuid;--> statement-breakpoint
ALTER TABLE "idempotency_keys" ALTER COLUMN "deployment_id" DROP NOT NULL;--> statement-breakpoint
CREATE INDEX "idempotency_keys_model_id_index" ON "idempotency_keys" ("model_id");--> statement-breakpoint
ALTER TABLE "idempotency_keys" ADD CONSTRAINT "idempotency_keys_model_id_models_id_fkey" FOREIGN KEY ("model_id") REFERENCES "models"("id") ON DELETE CASCADE;--> statement-breakpoint
ALTER TABLE "idempotency_keys" ADD CONSTRAINT "idempotency_keys_made" CHECK (num_nonnulls("deployment_id", "model_id") = 1);