namespace Platform.Accounts.Operators;

/// <summary>What can have happened among the operators of one tenant. Names and mail addresses stay in a table.</summary>
internal abstract record OperatorEvent;

/// <summary>A person may now act for the tenant.</summary>
internal sealed record OperatorRegistered(Guid OperatorId, string Role, DateTimeOffset RegisteredAt) : OperatorEvent;

/// <summary>A person may no longer act for the tenant.</summary>
internal sealed record OperatorDeleted(Guid OperatorId, DateTimeOffset DeletedAt) : OperatorEvent;

/// <summary>Too many wrong passwords in a row: sign-in is refused until then, even with the right one.</summary>
internal sealed record OperatorLocked(Guid OperatorId, DateTimeOffset LockedAt, DateTimeOffset LockedUntil) : OperatorEvent;
