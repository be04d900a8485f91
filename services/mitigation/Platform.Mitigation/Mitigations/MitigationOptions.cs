using System.ComponentModel.DataAnnotations;
using System.Net;

namespace Platform.Mitigation.Mitigations;

/// <summary>How, how long and how much is defended. Bound from the <c>Mitigations</c> section.</summary>
internal sealed class MitigationOptions : IValidatableObject
{
    public const string Section = "Mitigations";

    /// <summary>How long countermeasures stay after the anomaly ended. 0 seconds to 1 day; default 30 seconds.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "1.00:00:00", ErrorMessage = "must be 00:00:00 to 1.00:00:00.")]
    public TimeSpan Hold { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Longest hold: of an attack that comes back to the same target within an hour it is doubled each time, up to this. 0 seconds to 1 day, never below
    /// <see cref="Hold"/>; default 10 minutes.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "1.00:00:00", ErrorMessage = "must be 00:00:00 to 1.00:00:00.")]
    public TimeSpan LongestHold { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>No countermeasure stands longer than this. 1 minute to 30 days; default 1 day.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "30.00:00:00", ErrorMessage = "must be 00:01:00 to 30.00:00:00.")]
    public TimeSpan MaximumDuration { get; init; } = TimeSpan.FromDays(1);

    /// <summary>
    /// No mitigation stands longer than this from its beginning, however often it is extended; always-on, which the contract ends, is no mitigation of
    /// that kind. 1 minute to 90 days, not below <see cref="MaximumDuration"/>; default 30 days.
    /// </summary>
    [Range(typeof(TimeSpan), "00:01:00", "90.00:00:00", ErrorMessage = "must be 00:01:00 to 90.00:00:00.")]
    public TimeSpan LongestStanding { get; init; } = TimeSpan.FromDays(30);

    /// <summary>Countermeasures that may stand at once, all tenants together. 1 to 10000; default 500.</summary>
    [Range(1, 10_000, ErrorMessage = "must be 1 to 10000.")]
    public int MaxCountermeasures { get; init; } = 500;

    /// <summary>Countermeasures that one tenant may hold. 1 to 10000, not above <see cref="MaxCountermeasures"/>; default 50.</summary>
    [Range(1, 10_000, ErrorMessage = "must be 1 to 10000.")]
    public int MaxCountermeasuresPerTenant { get; init; } = 50;

    /// <summary>
    /// Countermeasures with all rules that let allowed sources through them, all tenants together: what routers and scrubbers hold. Counts as
    /// <see cref="MaxCountermeasures"/> at least. 1 to 100000; default 3000.
    /// </summary>
    [Range(1, 100_000, ErrorMessage = "must be 1 to 100000.")]
    public int MaxRules { get; init; } = 3_000;

    /// <summary>
    /// The same of one tenant, whose own allow-list multiplies its rules. Counts as <see cref="MaxCountermeasuresPerTenant"/> at least. 1 to 100000;
    /// default 1000.
    /// </summary>
    [Range(1, 100_000, ErrorMessage = "must be 1 to 100000.")]
    public int MaxRulesPerTenant { get; init; } = 1_000;

    /// <summary>
    /// Routes of always-on that may stand at once, all tenants together; they take none of the room of defence. 1 to 10000; default 1000. One contract has
    /// 64 at most.
    /// </summary>
    [Range(1, 10_000, ErrorMessage = "must be 1 to 10000.")]
    public int MaxStandingDiversions { get; init; } = 1_000;

    /// <summary>Limits of single tenants, tighter than those of all.</summary>
    public TenantLimits[] Tenants { get; init; } = [];

    /// <summary>Prefixes of the provider's own infrastructure: nothing that overlaps one is ever touched.</summary>
    public string[] ProtectedInfrastructure { get; init; } = [];

    /// <summary>Sources that no rule may name, for all tenants: monitoring, resolvers, exchange points.</summary>
    public string[] AllowedSources { get; init; } = [];

    /// <summary>True: nothing is put into the network; what would have been is recorded. Default false.</summary>
    public bool DryRun { get; init; }

    /// <summary>
    /// Steps for objects without a policy of their own, in this order: <c>FlowSpecRateLimit</c>, <c>FlowSpecDiscard</c>, <c>FlowSpecRedirect</c>,
    /// <c>Scrubbing</c>, <c>Diversion</c>, <c>Blackhole</c>. A step that the network has no means for is passed over. Default FlowSpecDiscard,
    /// Scrubbing, Blackhole.
    /// </summary>
    public DefenseStepKind[] DefaultSteps { get; init; } = [];

    /// <summary>
    /// Attacks below this are not answered with a blackhole among the default steps: it takes from the attacked host all that is left of its traffic.
    /// <c>Low</c>, <c>Medium</c>, <c>High</c> or <c>Critical</c>; default High.
    /// </summary>
    public Severity BlackholeFrom { get; init; } = DefenseStep.GraveEnoughForABlackhole;

    /// <summary>How long a default step may fail to help before the next. 1 second to 1 hour; default 10 seconds.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00", ErrorMessage = "must be 00:00:01 to 01:00:00.")]
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(10);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (MaxCountermeasuresPerTenant > MaxCountermeasures)
        {
            yield return new(
                $"must not exceed {nameof(MaxCountermeasures)} ({MaxCountermeasures}).", [nameof(MaxCountermeasuresPerTenant)]);
        }

        if (LongestStanding < MaximumDuration)
        {
            yield return new($"must not be below {nameof(MaximumDuration)} ({MaximumDuration}).", [nameof(LongestStanding)]);
        }

        foreach (var wide in AllowedSources.Where(text => PrefixText.TryRead(text, out var source) && !SafetyRails.MayBeAllowed(source)))
        {
            yield return new(
                $"= '{wide}': must not be wider than /{SafetyRails.WidestAllowedIPv4} or /{SafetyRails.WidestAllowedIPv6}: it would let nearly everybody through.",
                [nameof(AllowedSources)]);
        }

        if (AllowedSources.Length > SafetyRails.MostAllowed)
        {
            yield return new($"must hold at most {SafetyRails.MostAllowed} prefixes.", [nameof(AllowedSources)]);
        }

        foreach (var (name, prefixes) in new[] { (nameof(ProtectedInfrastructure), ProtectedInfrastructure), (nameof(AllowedSources), AllowedSources) })
        {
            foreach (var wrong in prefixes.Where(text => !PrefixText.TryRead(text, out _)))
            {
                yield return new($"= '{wrong}': must be a prefix in CIDR notation without host bits.", [name]);
            }
        }

        foreach (var wrong in DefaultSteps.Where(step => !Enum.IsDefined(step)))
        {
            yield return new($"= {wrong}: must be one of {string.Join(", ", Enum.GetNames<DefenseStepKind>())}.", [nameof(DefaultSteps)]);
        }

        if (!Enum.IsDefined(BlackholeFrom))
        {
            yield return new($"= {BlackholeFrom}: must be one of {string.Join(", ", Enum.GetNames<Severity>())}.", [nameof(BlackholeFrom)]);
        }

        foreach (var wrong in Tenants.Where(tenant => !tenant.IsValid))
        {
            yield return new(
                $"= {wrong.TenantId}: needs a tenant id, {nameof(TenantLimits.WidestIPv4)} 24 to 32, {nameof(TenantLimits.WidestIPv6)} 48 to 128, "
                + $"{nameof(TenantLimits.MaxCountermeasures)} 0 to 10000.",
                [nameof(Tenants)]);
        }
    }

    /// <summary>How long what stands is held after the attack; what comes and goes is held longer each time, else the network would flap with it.</summary>
    /// <param name="before">How often the same target was defended a short while ago.</param>
    internal TimeSpan HoldAfter(int before)
    {
        var longest = LongestHold > Hold ? LongestHold : Hold;
        var doubled = Hold * Math.Pow(2, Math.Clamp(before, 0, 20));
        return doubled < longest ? doubled : longest;
    }

    internal SafetyRails RailsFor(Guid tenantId, bool killSwitchEngaged, IReadOnlyList<IPNetwork> allowedByPolicy)
    {
        var limits = LimitsOf(tenantId);
        return new SafetyRails(limits.WidestIPv4, limits.WidestIPv6, Infrastructure, AllAllowed(allowedByPolicy), killSwitchEngaged);
    }

    /// <summary>Whom the installation and a policy let through, each once: what another one holds adds nothing.</summary>
    internal IReadOnlyList<IPNetwork> AllAllowed(IReadOnlyList<IPNetwork> allowedByPolicy)
    {
        IPNetwork[] all = [.. Allowed.Concat(allowedByPolicy).Distinct()];
        return [.. all.Where(it => !all.Any(other => other != it && SafetyRails.Covers(other, it)))];
    }

    /// <summary>The last gate before the network, for one tenant.</summary>
    internal bool LetsOut(Guid tenantId, CountermeasureSpec spec) => RailsFor(tenantId, killSwitchEngaged: false, []).LetsOut(spec);

    /// <summary><see cref="AllowedSources"/>, read.</summary>
    internal IPNetwork[] Allowed => field ??= [.. AllowedSources.Select(IPNetwork.Parse)];

    private IReadOnlyList<IPNetwork> Infrastructure => field ??= [.. ProtectedInfrastructure.Select(IPNetwork.Parse)];

    internal int MostFor(Guid tenantId) => Math.Min(LimitsOf(tenantId).MaxCountermeasures ?? MaxCountermeasuresPerTenant, MaxCountermeasures);

    /// <summary>Of a tenant and in all, with what lets allowed sources through; never so few that its countermeasures alone would not fit.</summary>
    internal (int OfTenant, int OfAll) MostRulesFor(Guid tenantId) =>
        (MostFor(tenantId) == 0 ? 0 : Math.Max(MaxRulesPerTenant, MostFor(tenantId)), Math.Max(MaxRules, MaxCountermeasures));

    /// <summary>Of a tenant and in all; a tenant that may hold nothing holds none of these either.</summary>
    internal (int OfTenant, int OfAll) MostStandingFor(Guid tenantId) => (MostFor(tenantId) == 0 ? 0 : MaxStandingDiversions, MaxStandingDiversions);

    internal DefensePolicy DefaultPolicy => new(
        [
            .. (DefaultSteps.Length > 0 ? DefaultSteps : Standard).Select(kind => new DefenseStep(
                kind, Patience, kind is DefenseStepKind.Blackhole ? BlackholeFrom : Severity.Low)),
        ],
        EnforcementMode.Automatic,
        AllowedSources: []);

    private static DefenseStepKind[] Standard => [DefenseStepKind.FlowSpecDiscard, DefenseStepKind.Scrubbing, DefenseStepKind.Blackhole];

    private TenantLimits LimitsOf(Guid tenantId) =>
        Tenants.FirstOrDefault(tenant => tenant.TenantId == tenantId) ?? new TenantLimits { TenantId = tenantId };
}

/// <summary>Limits of one tenant. They can only be tighter than the hard ones.</summary>
internal sealed class TenantLimits
{
    /// <summary>Whose limits these are.</summary>
    public Guid TenantId { get; init; }

    /// <summary>Shortest IPv4 prefix length that may be touched. 24 to 32; default 24.</summary>
    public int WidestIPv4 { get; init; } = SafetyRails.HardWidestIPv4;

    /// <summary>Shortest IPv6 prefix length that may be touched. 48 to 128; default 48.</summary>
    public int WidestIPv6 { get; init; } = SafetyRails.HardWidestIPv6;

    /// <summary>Countermeasures that it may hold; unset: as every tenant. 0: none.</summary>
    public int? MaxCountermeasures { get; init; }

    internal bool IsValid =>
        TenantId != Guid.Empty
        && WidestIPv4 is >= SafetyRails.HardWidestIPv4 and <= 32
        && WidestIPv6 is >= SafetyRails.HardWidestIPv6 and <= 128
        && MaxCountermeasures is null or (>= 0 and <= 10_000);
}
