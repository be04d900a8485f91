namespace Platform.EventStore;

/// <summary>One kind of stream: its name in stream ids, the state before the first event, and how an event changes the state.</summary>
/// <typeparam name="TState">What the rules must remember.</typeparam>
/// <typeparam name="TEvent">The base record of every event that this kind of stream may hold.</typeparam>
/// <param name="Name">Lower-case name, the part of the stream id before the colon, for example <c>mitigation</c>.</param>
/// <param name="Initial">State of a stream that has no event yet.</param>
/// <param name="Evolve">Folds one event into the state; throws on a type it does not know.</param>
public sealed record StreamType<TState, TEvent>(string Name, TState Initial, Func<TState, TEvent, TState> Evolve)
    where TEvent : class
{
    /// <summary>
    /// Event after which nothing that was before it matters: the state after it is the same whatever the state was, and decisions read the stream from the
    /// last one on. Null: from its beginning.
    /// </summary>
    public Type? SettledBy { get; init; }

    /// <summary>
    /// JSON that an event contains when it matters: of a long stream only what is about one thing is folded. The last event comes as well, whatever it is about,
    /// so <see cref="Evolve"/> passes others over. Null: all of them.
    /// </summary>
    public string? About { get; init; }

    /// <summary>State after all the events given, in their order.</summary>
    public TState Fold(IEnumerable<TEvent> events) => events.Aggregate(Initial, Evolve);

    /// <summary>Names one stream of this kind, for an <see cref="Erasure"/>.</summary>
    public StreamKey For(string key) => new(Name, key, IdFor(key));

    /// <summary>Id of one stream inside its tenant, for example <c>mitigation:0190aaaa-...</c>. The tenant is never part of it.</summary>
    internal string IdFor(string key) => key.Contains(':', StringComparison.Ordinal)
        ? throw new ArgumentException($"The key '{key}' of a {Name} contains a colon.", nameof(key))
        : $"{Name}:{key}";
}

/// <summary>One stream of a tenant that the holder of the session already has.</summary>
public sealed record StreamKey
{
    internal StreamKey(string type, string key, string id) => (Type, Key, Id) = (type, key, id);

    /// <summary>Kind of stream.</summary>
    public string Type { get; }

    /// <summary>Identity inside its kind and tenant.</summary>
    public string Key { get; }

    internal string Id { get; }
}
