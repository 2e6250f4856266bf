-- ICU, whatever the database's own locale is: every Postgres sorts names alike, accents and case beside their letters, numbers by their value.
CREATE COLLATION IF NOT EXISTS "names" (provider = icu, locale = 'und-u-kn');--> statement-breakpoint
-- Equal for names that look the same: without invisible characters (Default_Ignorable_Code_Point), in compatibility form, case-folded, with single spaces.
CREATE OR REPLACE FUNCTION name_key(name text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN octet_length(name) = char_length(name) AND strpos(translate(name, E'\t\n\r\f\v', '     '), '  ') = 0
  -- Plain ASCII, which most names are, needs no normalization.
  THEN lower(btrim(translate(name, E'\t\n\r\f\v', '     ')) COLLATE pg_unicode_fast)
  ELSE btrim(regexp_replace(normalize(casefold(normalize(
  regexp_replace(name, '[\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B-\u180F\u200B-\u200F\u202A-\u202E\u2060-\u206F\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFF8\U0001BCA0-\U0001BCA3\U0001D173-\U0001D17A\U000E0000-\U000E0FFF]+', '', 'g'),
  NFKC) COLLATE pg_unicode_fast), NFKC), '[\s\u1680\u2028\u2029\u2800]+', ' ', 'g')) END;--> statement-breakpoint
-- Names of before that look the same are told apart by a number: all but the oldest of each get one.
DO $$
DECLARE twin record; wanted text; number int;
BEGIN
  FOR twin IN SELECT * FROM (SELECT id, workspace_id, locale, name, row_number() OVER (PARTITION BY workspace_id, locale, name_key(name) ORDER BY id) AS place FROM deployments) AS ranked WHERE place > 1 ORDER BY id LOOP
    number := 2;
    LOOP
      wanted := left(twin.name, 90) || ' (' || number || ')';
      EXIT WHEN NOT EXISTS (SELECT FROM deployments AS other WHERE other.workspace_id = twin.workspace_id AND other.locale = twin.locale AND name_key(other.name) = name_key(wanted));
      number := number + 1;
    END LOOP;
    UPDATE deployments SET name = wanted WHERE id = twin.id;
  END LOOP;
  FOR twin IN SELECT * FROM (SELECT id, workspace_id, kind, locale, name, row_number() OVER (PARTITION BY workspace_id, kind, locale, name_key(name) ORDER BY created_at, id) AS place FROM models WHERE workspace_id IS NOT NULL) AS ranked WHERE place > 1 ORDER BY id LOOP
    number := 2;
    LOOP
      wanted := left(twin.name, 90) || ' (' || number || ')';
      EXIT WHEN NOT EXISTS (SELECT FROM models AS other WHERE other.workspace_id = twin.workspace_id AND other.kind = twin.kind AND other.locale = twin.locale AND name_key(other.name) = name_key(wanted));
      number := number + 1;
    END LOOP;
    UPDATE models SET name = wanted WHERE id = twin.id;
  END LOOP;
END $$;--> statement-breakpoint
DROP INDEX "deployments_name";--> statement-breakpoint
CREATE UNIQUE INDEX "deployments_name" ON "deployments" ("workspace_id","locale",name_key("name"));--> statement-breakpoint
DROP INDEX "deployments_workspace_name";--> statement-breakpoint
CREATE INDEX "deployments_workspace_name" ON "deployments" ("workspace_id","name" collate names,"id");--> statement-breakpoint
DROP INDEX "models_name";--> statement-breakpoint
CREATE UNIQUE INDEX "models_name" ON "models" ("workspace_id","kind","locale",name_key("name")) WHERE "workspace_id" is not null;
