-- The key that the refresh tokens of a grant are bound to (RFC 9449 §5): its RFC 7638 thumbprint; null: to none.
ALTER TABLE grants ADD COLUMN jkt TEXT;
