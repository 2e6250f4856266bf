CREATE TABLE "file_chunks" (
	"copy_id" uuid,
	"position" integer,
	"bytes" bytea NOT NULL,
	CONSTRAINT "file_chunks_pkey" PRIMARY KEY("copy_id","position")
);
--> statement-breakpoint
CREATE TABLE "stored_files" (
	"sha256" text PRIMARY KEY,
	"size" bigint NOT NULL,
	"copy_id" uuid NOT NULL,
	"chunks" integer,
	"stored_at" timestamp(3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE INDEX "stored_files_copy_id_index" ON "stored_files" ("copy_id");--> statement-breakpoint
-- Compressing model files takes time and saves little.
ALTER TABLE "file_chunks" ALTER COLUMN "bytes" SET STORAGE EXTERNAL;
