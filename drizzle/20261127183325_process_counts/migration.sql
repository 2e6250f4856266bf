CREATE TABLE "process_counts" (
	"process" uuid PRIMARY KEY,
	"counts" jsonb NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL
);
