using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Scrubber.Filters;

/// <summary>Filters as one transaction of nftables (<c>nft -j</c>, libnftables-json(5)). Pure.</summary>
/// <remarks>
/// Each filter has a set with its destination as only element, and one with the source that it is about, if any. Elements have a timeout: when nobody
/// renews them the kernel itself forgets them, and the rules match nothing. Sets and counters stay over changes, so that nothing is counted anew; the chain is written anew whole.
/// The chain stands before defragmentation, so that fragments are seen as such, and before connection tracking, which a flood would fill.
/// </remarks>
internal static class NftRuleset
{
    private const string Family = "inet";
    private const string Chain = "filter";
    private const string Handshakes = "handshakes";
    private const string Verified = "verified";
    private const string SynProxy = "syn-proxy";
    private const string Count = "count";
    private const int BeforeDefragmentation = -450;
    private const uint Acknowledges = 0x10;
    private const uint AnyFlag = 0x1F; // FIN, SYN, RST, PSH, ACK

    /// <summary>Open connections of a victim that become known in a second; what is made up leaves room in the kernel's memory for five minutes.</summary>
    private const int PickedUp = 500;

    /// <summary>Name of everything that belongs to a filter: <c>f</c> and 16 digits of its id.</summary>
    public static string NameOf(string filterId) => $"f{Guid.Parse(filterId):N}"[..17];

    /// <summary>Of such a name, the digits of the id.</summary>
    public static string DigitsOf(string name) => name[1..];

    /// <summary>How long the kernel keeps a filter that nobody renews: until its expiry, and no longer than the lease.</summary>
    public static TimeSpan LifeOf(Filter filter, TimeSpan lease) =>
        TimeSpan.FromSeconds(Math.Clamp(filter.ExpiresInSeconds, 1, (long)lease.TotalSeconds));

    /// <summary>Makes the table hold exactly these filters.</summary>
    /// <param name="table">Name of our table.</param>
    /// <param name="filters">What shall be in force.</param>
    /// <param name="lease">Longest life of a filter that nobody renews.</param>
    /// <param name="present">Names of the filters that the table has objects of.</param>
    /// <param name="anew">Whether the table is thrown away first, in the same transaction, with all that it counted.</param>
    /// <param name="terms">What a SYN proxy promises in the victims' name.</param>
    public static JsonObject Transaction(
        string table, IReadOnlyList<Filter> filters, TimeSpan lease, IReadOnlySet<string> present, bool anew = false, ProxyTerms? terms = null)
    {
        var commands = new JsonArray { Command("add", "table", Table(table)) };
        if (anew)
        {
            commands.Add(Command("delete", "table", Table(table)));
            commands.Add(Command("add", "table", Table(table)));
            present = new HashSet<string>();
        }

        foreach (var command in (JsonObject[])
        [
            Command("add", "chain", new JsonObject
            {
                ["family"] = Family,
                ["table"] = table,
                ["name"] = Chain,
                ["type"] = "filter",
                ["hook"] = "prerouting",
                ["prio"] = BeforeDefragmentation,
                ["policy"] = "accept",
            }),
            Command("flush", "chain", Object(table, Chain)),
            AddHandshakes(table),
            Command("flush", "chain", Object(table, Handshakes)),
            AddChain(table, Verified, "output"),
            Command("flush", "chain", Object(table, Verified)),
        ])
        {
            commands.Add(command);
        }

        var wanted = filters.Select(filter => NameOf(filter.FilterId)).ToHashSet();
        foreach (var gone in present.Where(name => !wanted.Contains(name)))
        {
            commands.Add(Command("delete", "set", Object(table, gone)));
            commands.Add(Command("delete", "set", Object(table, $"{gone}_src")));
            commands.Add(Command("delete", "set", Object(table, $"{gone}_from")));
            commands.Add(Command("delete", "counter", Object(table, $"{gone}_dropped")));
            commands.Add(Command("delete", "counter", Object(table, $"{gone}_passed")));
            commands.Add(Command("delete", "counter", Object(table, $"{gone}_verified")));
        }

        foreach (var filter in filters)
        {
            AddObjects(commands, table, filter, lease, isNew: !present.Contains(NameOf(filter.FilterId)));
        }

        // Allowed first, then what discards; what is left to a destination has passed.
        foreach (var filter in filters.Where(filter => filter.Rule.Action == "accept"))
        {
            AddRule(commands, table, [.. Match(filter), Counter($"{NameOf(filter.FilterId)}_passed"), new JsonObject { ["accept"] = null }]);
            AddRule(commands, table, [.. Match(filter), new JsonObject { ["accept"] = null }], Handshakes); // nobody answers for the victim to them either
        }

        // What is discarded, and what a loud source has too much of, must not use up what all may have together.
        foreach (var (filter, limit) in from filter in filters
                                        where filter.Rule.Action is not ("accept" or SynProxy or Count)
                                        from limit in LimitsOf(filter)
                                        orderby limit
                                        select (filter, limit))
        {
            AddRule(commands, table, [.. Match(filter), .. Above(filter, limit), Counter($"{NameOf(filter.FilterId)}_dropped"), new JsonObject { ["drop"] = null }]);
        }

        // Connection attempts go past connection tracking, to be answered for the victim where packets are forwarded.
        foreach (var filter in filters.Where(filter => filter.Rule.Action == SynProxy))
        {
            AddRule(commands, table, [
                .. Match(filter), Counter($"{NameOf(filter.FilterId)}_dropped"), new JsonObject { ["notrack"] = null }, new JsonObject { ["accept"] = null },
            ]);
            foreach (var rule in HandshakeRules(filter, terms ?? ProxyTerms.Usual))
            {
                AddRule(commands, table, rule, Handshakes);
            }

            // What was answered and turned out to be real the proxy begins anew, itself, with the victim: an attempt more than was an attack.
            AddRule(commands, table, [.. Match(filter), Counter($"{NameOf(filter.FilterId)}_verified")], Verified);
        }

        foreach (var filter in filters.Where(filter => filter.Rule.Action != "accept"))
        {
            AddRule(commands, table, [Destination(filter), Counter($"{NameOf(filter.FilterId)}_passed")]);
        }

        return new JsonObject { ["nftables"] = commands };
    }

    /// <summary>What a rule does and to what: the set of its destinations, its counter, how it limits, its verdict.</summary>
    public static string SignatureOf(JsonArray expressions)
    {
        var said = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var it in expressions.OfType<JsonObject>())
        {
            var (kind, value) = it.First();
            switch (kind)
            {
                case "match" when value!["right"] is JsonValue right && right.TryGetValue<string>(out var set) && set.StartsWith('@'):
                    said.Add(set);
                    break;
                case "counter" when value is JsonValue name && name.TryGetValue<string>(out var counter):
                    said.Add(counter);
                    break;
                case "drop" or "accept" or "notrack" or "synproxy" or "limit" or "set":
                    said.Add(kind);
                    break;
            }
        }

        return string.Join(' ', said);
    }

    /// <summary>What the rules of a filter do, as the kernel must say it.</summary>
    public static IReadOnlyList<string> SignaturesOf(string table, Filter filter)
    {
        var commands = Transaction(table, [filter], TimeSpan.FromSeconds(1), present: new HashSet<string>())["nftables"]!.AsArray();
        var rules = commands.Select(it => it!["add"]).OfType<JsonObject>().Select(it => it["rule"]).OfType<JsonObject>();
        return [.. rules.Select(rule => SignatureOf(rule["expr"]!.AsArray())).Distinct()];
    }

    /// <summary>A table with a proxy for nobody, to ask the kernel.</summary>
    public static JsonObject SynProxyProbe(string table) => new()
    {
        ["nftables"] = new JsonArray(
            Command("add", "table", Table(table)),
            AddHandshakes(table),
            Command("add", "rule", new JsonObject
            {
                ["family"] = Family,
                ["table"] = table,
                ["chain"] = Handshakes,
                ["expr"] = new JsonArray(Equal(Meta("l4proto"), 6), State("untracked"), Proxy(ProxyTerms.Usual, isIPv4: true)),
            })),
    };

    public static bool IsSynProxy(Filter filter) => filter.Rule.Action == SynProxy;

    /// <summary>Without a proxy in the kernel each source is limited instead, and all together.</summary>
    public static Filter WithoutSynProxy(Filter filter)
    {
        if (!IsSynProxy(filter))
        {
            return filter;
        }

        var limited = filter.Clone();
        limited.Rule.Action = "rate-limit";
        limited.Rule.PerSource = true;
        return limited;
    }

    private static JsonObject AddHandshakes(string table) => AddChain(table, Handshakes, "forward");

    private static JsonObject AddChain(string table, string name, string hook) => Command("add", "chain", new JsonObject
    {
        ["family"] = Family,
        ["table"] = table,
        ["name"] = name,
        ["type"] = "filter",
        ["hook"] = hook,
        ["prio"] = 0,
        ["policy"] = "accept",
    });

    /// <summary>
    /// Answered are attempts, and what can be the last packet of a handshake: bare acknowledgements of connections that nobody knows. What else belongs to
    /// none may be of one that was open before: it passes, so many a second, and its connection is known from then on.
    /// </summary>
    private static IEnumerable<JsonArray> HandshakeRules(Filter filter, ProxyTerms terms)
    {
        var proxy = Proxy(terms, IsIPv4(IPNetwork.Parse(filter.Destination)));
        var all = filter.Clone();
        (all.Rule.TcpFlagsSet, all.Rule.TcpFlagsClear) = (0, 0);
        yield return [.. Match(all), State("untracked"), proxy];
        (all.Rule.TcpFlagsSet, all.Rule.TcpFlagsClear) = (Acknowledges, AnyFlag & ~Acknowledges);
        yield return [.. Match(all), Unknown, proxy.DeepClone()];
        (all.Rule.TcpFlagsSet, all.Rule.TcpFlagsClear) = (0, 0);
        yield return
        [
            .. Match(all),
            Unknown,
            new JsonObject { ["limit"] = new JsonObject { ["rate"] = PickedUp, ["per"] = "second", ["burst"] = PickedUp, ["inv"] = true } },
            Counter($"{NameOf(filter.FilterId)}_dropped"),
            new JsonObject { ["drop"] = null },
        ];
    }

    private static JsonObject Unknown => State("invalid", "new");

    private static JsonObject State(params string[] states) => new()
    {
        ["match"] = new JsonObject
        {
            ["op"] = "in",
            ["left"] = new JsonObject { ["ct"] = new JsonObject { ["key"] = "state" } },
            ["right"] = new JsonArray([.. states.Select(state => JsonValue.Create(state))]),
        },
    };

    private static JsonObject Proxy(ProxyTerms terms, bool isIPv4) => new()
    {
        ["synproxy"] = new JsonObject
        {
            ["mss"] = terms.MaximumSegment - (isIPv4 ? 0 : 20), // the header of IPv6 is so much longer
            ["wscale"] = terms.WindowScale,
            ["flags"] = new JsonArray("timestamp", "sack-perm"),
        },
    };

    private static void AddObjects(JsonArray commands, string table, Filter filter, TimeSpan lease, bool isNew)
    {
        var name = NameOf(filter.FilterId);
        var prefix = IPNetwork.Parse(filter.Destination);
        var address = IsIPv4(prefix) ? "ipv4_addr" : "ipv6_addr";
        if (isNew)
        {
            foreach (var set in (string[])[name, $"{name}_from"])
            {
                commands.Add(Command("add", "set", new JsonObject
                {
                    ["family"] = Family,
                    ["table"] = table,
                    ["name"] = set,
                    ["type"] = address,
                    ["flags"] = new JsonArray("interval", "timeout"),
                }));
            }

            commands.Add(Command("add", "set", new JsonObject
            {
                ["family"] = Family,
                ["table"] = table,
                ["name"] = $"{name}_src",
                ["type"] = address,
                ["flags"] = new JsonArray("timeout"), // that rules add to it the kernel sees by itself
                ["size"] = 65_535,
                ["timeout"] = 60,
            }));
            commands.Add(Command("add", "counter", Object(table, $"{name}_dropped")));
            commands.Add(Command("add", "counter", Object(table, $"{name}_passed")));
            commands.Add(Command("add", "counter", Object(table, $"{name}_verified")));
        }

        // Every address is an element with a timeout, none stands in a rule: what nobody renews is gone, also when nobody is left to take it away.
        Put(name, prefix);
        Put($"{name}_from", filter.Rule.Source.Length > 0 ? IPNetwork.Parse(filter.Rule.Source) : null);

        void Put(string set, IPNetwork? address)
        {
            commands.Add(Command("flush", "set", Object(table, set))); // and in again with a new timeout, in the same transaction
            if (address is { } it)
            {
                commands.Add(Command("add", "element", new JsonObject
                {
                    ["family"] = Family,
                    ["table"] = table,
                    ["name"] = set,
                    ["elem"] = new JsonArray(new JsonObject
                    {
                        ["elem"] = new JsonObject { ["val"] = Prefix(it), ["timeout"] = (long)LifeOf(filter, lease).TotalSeconds },
                    }),
                }));
            }
        }
    }

    private static IEnumerable<JsonNode> Match(Filter filter)
    {
        var rule = filter.Rule;
        var isIPv4 = IsIPv4(IPNetwork.Parse(filter.Destination));
        yield return Destination(filter);
        if (rule.Source.Length > 0)
        {
            yield return Equal(Payload(isIPv4 ? "ip" : "ip6", "saddr"), $"@{NameOf(filter.FilterId)}_from");
        }

        if (rule.HasProtocol)
        {
            yield return Equal(Meta("l4proto"), (int)rule.Protocol);
        }

        if (rule.SourcePort is { } from)
        {
            yield return Equal(Payload("th", "sport"), Range(from));
        }

        if (rule.DestinationPort is { } to)
        {
            yield return Equal(Payload("th", "dport"), Range(to));
        }

        if (rule.PacketLength is { } length)
        {
            // IPv6 says the length of what follows its 40 bytes.
            yield return isIPv4
                ? Equal(Payload("ip", "length"), Range(length))
                : Equal(Payload("ip6", "length"), Range(new NumberRange { From = Less40(length.From), To = Less40(length.To) }));
        }

        if (rule.TcpFlagsSet != 0 || rule.TcpFlagsClear != 0)
        {
            var mask = new JsonObject { ["&"] = new JsonArray(Payload("tcp", "flags"), (int)(rule.TcpFlagsSet | rule.TcpFlagsClear)) };
            yield return Equal(mask, (int)rule.TcpFlagsSet);
        }

        if (rule.Fragment)
        {
            yield return isIPv4
                ? Compare("!=", new JsonObject { ["&"] = new JsonArray(Payload("ip", "frag-off"), 0x1FFF) }, 0)
                : Compare("!=", new JsonObject { ["exthdr"] = new JsonObject { ["name"] = "frag", ["field"] = "frag-off" } }, 0);
        }
    }

    /// <summary>How a filter limits, in the order in which it is asked for.</summary>
    private enum Limit
    {
        /// <summary>Nothing passes.</summary>
        None,
        PerSource,
        Together,
    }

    private static IEnumerable<Limit> LimitsOf(Filter filter) => filter.Rule switch
    {
        { Action: not "rate-limit" } => [Limit.None],
        { PerSource: false } => [Limit.Together],
        { TotalBytesPerSecond: > 0 } => [Limit.PerSource, Limit.Together],
        _ => [Limit.PerSource],
    };

    /// <summary>What is above the limit goes on to be dropped; below it the packet leaves the rule.</summary>
    private static IEnumerable<JsonNode> Above(Filter filter, Limit limit)
    {
        if (limit is Limit.None)
        {
            yield break;
        }

        var rate = limit is Limit.Together && filter.Rule.PerSource ? filter.Rule.TotalBytesPerSecond : filter.Rule.BytesPerSecond;
        var above = new JsonObject
        {
            ["limit"] = new JsonObject
            {
                ["rate"] = rate,
                ["rate_unit"] = "bytes",
                ["per"] = "second",
                ["burst"] = Math.Clamp(rate / 10, 3_000, uint.MaxValue), // more the kernel does not take
                ["burst_unit"] = "bytes",
                ["inv"] = true,
            },
        };
        yield return limit is Limit.PerSource
            ? new JsonObject
            {
                ["set"] = new JsonObject
                {
                    ["op"] = "update",
                    ["elem"] = Payload(IsIPv4(IPNetwork.Parse(filter.Destination)) ? "ip" : "ip6", "saddr"),
                    ["set"] = $"@{NameOf(filter.FilterId)}_src",
                    ["stmt"] = new JsonArray(above),
                },
            }
            : above;
    }

    private static JsonObject Destination(Filter filter) => Equal(
        Payload(IsIPv4(IPNetwork.Parse(filter.Destination)) ? "ip" : "ip6", "daddr"), $"@{NameOf(filter.FilterId)}");

    private static JsonObject Equal(JsonNode left, JsonNode right) => Compare("==", left, right);

    private static JsonObject Compare(string op, JsonNode left, JsonNode right) =>
        new() { ["match"] = new JsonObject { ["op"] = op, ["left"] = left, ["right"] = right } };

    private static JsonObject Payload(string protocol, string field) =>
        new() { ["payload"] = new JsonObject { ["protocol"] = protocol, ["field"] = field } };

    private static JsonObject Meta(string key) => new() { ["meta"] = new JsonObject { ["key"] = key } };

    private static JsonObject Counter(string name) => new() { ["counter"] = name };

    private static JsonNode Prefix(IPNetwork prefix) => prefix.PrefixLength == (IsIPv4(prefix) ? 32 : 128)
        ? prefix.BaseAddress.ToString()
        : new JsonObject { ["prefix"] = new JsonObject { ["addr"] = prefix.BaseAddress.ToString(), ["len"] = prefix.PrefixLength } };

    private static JsonNode Range(NumberRange range) => range.From == range.To
        ? (int)range.From
        : new JsonObject { ["range"] = new JsonArray((int)range.From, (int)range.To) };

    private static void AddRule(JsonArray commands, string table, JsonArray expressions, string chain = Chain) => commands.Add(Command("add", "rule", new JsonObject
    {
        ["family"] = Family,
        ["table"] = table,
        ["chain"] = chain,
        ["expr"] = expressions,
    }));

    private static JsonObject Command(string verb, string kind, JsonObject what) => new() { [verb] = new JsonObject { [kind] = what } };

    private static JsonObject Table(string name) => new() { ["family"] = Family, ["name"] = name };

    private static JsonObject Object(string table, string name) => new() { ["family"] = Family, ["table"] = table, ["name"] = name };

    private static uint Less40(uint length) => length < 40 ? 0 : length - 40;

    private static bool IsIPv4(IPNetwork prefix) => prefix.BaseAddress.AddressFamily is AddressFamily.InterNetwork;
}

/// <summary>What a SYN proxy promises to clients before the victim was asked.</summary>
/// <param name="MaximumSegment">Bytes of TCP in one packet (MSS) over IPv4.</param>
/// <param name="WindowScale">Power of two that the victims count their windows in.</param>
internal sealed record ProxyTerms(int MaximumSegment, int WindowScale)
{
    public static ProxyTerms Usual { get; } = new(1460, 7);
}
