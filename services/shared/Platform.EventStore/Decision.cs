namespace Platform.EventStore;

/// <summary>What a decider answers: events that now have happened, or a refusal with its reason.</summary>
public abstract record Decision<TEvent>
    where TEvent : class
{
    private Decision()
    {
    }

    /// <summary>The command had already taken effect, or changes nothing: no event, no error.</summary>
    public static Decision<TEvent> Unchanged { get; } = new Accepted([]);

    /// <summary>One event happened.</summary>
    public static implicit operator Decision<TEvent>(TEvent happened) => new Accepted([happened]);

    /// <summary>Several events happened, in this order.</summary>
    public static implicit operator Decision<TEvent>(TEvent[] happened) => new Accepted(happened);

    /// <summary>The rules say no.</summary>
    public static implicit operator Decision<TEvent>(Rejection reason) => new Rejected(reason);

    /// <summary>The rules say yes; an empty list means that nothing had to change.</summary>
    public sealed record Accepted(IReadOnlyList<TEvent> Events) : Decision<TEvent>;

    /// <summary>The rules say no, for a reason that a caller can act on.</summary>
    public sealed record Rejected(Rejection Reason) : Decision<TEvent>;
}

/// <summary>An expected "no". A value, never an exception.</summary>
/// <param name="Kind">Which family of refusal; decides the HTTP and gRPC status.</param>
/// <param name="Code">Stable, public, kebab-case code, for example <c>mitigation-still-held</c>. Never reused.</param>
/// <param name="Title">The same for every occurrence of the code; one short sentence.</param>
/// <param name="Detail">What happened this time and what to do next. No personal data.</param>
public sealed record Rejection(RejectionKind Kind, string Code, string Title, string Detail);

/// <summary>Families of refusal, each with one HTTP and one gRPC status.</summary>
public enum RejectionKind
{
    /// <summary>The content breaks a rule: HTTP 422, gRPC InvalidArgument.</summary>
    Invalid = 1,

    /// <summary>Not there, or not yours: HTTP 404, gRPC NotFound.</summary>
    NotFound = 2,

    /// <summary>Not in this state: HTTP 409, gRPC FailedPrecondition.</summary>
    Conflict = 3,

    /// <summary>Not allowed: HTTP 403, gRPC PermissionDenied.</summary>
    Forbidden = 4,
}
