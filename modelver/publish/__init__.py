"""What people read: changelogs, release notes, audits and cards. Pure: values in, text out."""
