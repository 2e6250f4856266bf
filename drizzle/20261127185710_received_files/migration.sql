CREATE TABLE "object_copies" (
	"copy_id" uuid PRIMARY KEY
);
--> statement-breakpoint
CREATE TABLE "received_files" (
	"workspace_id" uuid,
	"sha256" text,
	"size" bigint NOT NULL,
	"received_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "received_files_pkey" PRIMARY KEY("workspace_id","sha256")
);
--> statement-breakpoint
CREATE INDEX "received_files_sha256_index" ON "received_files" ("sha256");--> statement-breakpoint
CREATE INDEX "received_files_received_at_index" ON "received_files" ("received_at");--> statement-breakpoint
ALTER TABLE "received_files" ADD CONSTRAINT "received_files_workspace_id_workspaces_id_fkey" FOREIGN KEY ("workspace_id") REFERENCES "workspaces"("id") ON DELETE CASCADE;