-- +goose Up
-- The unique ids of the role or user that a grant names, beside its ARN: a principal that is deleted and made anew under
-- the same name is another one, whom the grant does not serve. Empty for services and accounts, who have none.
ALTER TABLE kms_grants ADD COLUMN grantee_id TEXT NOT NULL DEFAULT '';
ALTER TABLE kms_grants ADD COLUMN retiring_id TEXT NOT NULL DEFAULT '';
UPDATE kms_grants SET
    grantee_id = COALESCE(
        (SELECT id FROM roles WHERE 'arn:aws:iam::' || account_id || ':role' || path || name = grantee),
        (SELECT id FROM users WHERE 'arn:aws:iam::' || account_id || ':user' || path || name = grantee), ''),
    retiring_id = COALESCE(
        (SELECT id FROM roles WHERE 'arn:aws:iam::' || account_id || ':role' || path || name = retiring),
        (SELECT id FROM users WHERE 'arn:aws:iam::' || account_id || ':user' || path || name = retiring), '');
