using System.ComponentModel.DataAnnotations;

namespace Platform.Scrubber;

/// <summary>How the agent reaches its controller and the kernel. Bound from the <c>Scrubber</c> section.</summary>
internal sealed class ScrubberOptions
{
    public const string Section = "Scrubber";

    /// <summary>gRPC address of mitigation, for example <c>http://mitigation:8082</c>.</summary>
    [Required(ErrorMessage = "must be the gRPC address of mitigation.")]
    public Uri? Controller { get; init; }

    /// <summary>Name of this agent, as the controller knows it; 1 to 50 characters.</summary>
    [Required(ErrorMessage = "must be the name that the controller knows."), StringLength(50, MinimumLength = 1)]
    public string Name { get; init; } = "";

    /// <summary>What the agent proves itself with; from a secret.</summary>
    [Required(ErrorMessage = "must be the token that the controller knows."), MinLength(16, ErrorMessage = "must have 16 characters or more.")]
    public string Token { get; init; } = "";

    /// <summary>How often counters are told and filters asked for. 100 ms to 10 seconds; default 500 ms.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:00:10", ErrorMessage = "must be 00:00:00.100 to 00:00:10.")]
    public TimeSpan SyncInterval { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Name of the table in family inet that is ours alone. Default <c>platform_scrubber</c>.</summary>
    [RegularExpression("[a-z][a-z0-9_]{0,30}", ErrorMessage = "must be small letters, digits and underscores.")]
    public string Table { get; init; } = "platform_scrubber";

    /// <summary>Network namespace of the traffic; unset: the agent's own.</summary>
    [RegularExpression("[A-Za-z0-9_.-]{1,50}", ErrorMessage = "must be the name of a network namespace.")]
    public string? NetworkNamespace { get; init; }

    /// <summary>
    /// Number of the routing table that cleaned traffic goes back by, priority of its rule, and the mark of packets that leads to it. 1 to 32765; default 8520.
    /// </summary>
    [Range(1, 32_765, ErrorMessage = "must be 1 to 32765.")]
    public int ReturnTable { get; init; } = 8520;

    /// <summary>Whether to answer for victims where the kernel can. Default true.</summary>
    public bool SynProxy { get; init; } = true;

    /// <summary>
    /// Bytes of TCP in one packet (MSS) that a SYN proxy promises in the victims' name over IPv4, 20 less over IPv6. Behind a tunnel less: GRE over IPv4 takes 24.
    /// 536 to 9000; default 1460.
    /// </summary>
    [Range(536, 9000, ErrorMessage = "must be 536 to 9000.")]
    public int SynProxyMaximumSegment { get; init; } = 1460;

    /// <summary>
    /// Window scale that a SYN proxy promises in the victims' name: theirs. Too great and clients send more than they take, too small and they send slowly. 0 to 14;
    /// default 7, which Linux has.
    /// </summary>
    [Range(0, 14, ErrorMessage = "must be 0 to 14.")]
    public int SynProxyWindowScale { get; init; } = 7;
}
