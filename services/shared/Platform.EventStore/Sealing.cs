using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Npgsql;

namespace Platform.EventStore;

/// <summary>
/// Personal data: this text property, or list of texts, is stored encrypted and dies with the key of its tenant and
/// <see cref="SealScopeAttribute">scope</see>.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SealedAttribute : Attribute
{
    /// <summary>What a reader gets once the key is destroyed.</summary>
    public const string ErasedValue = "[erased]";
}

/// <summary>This text property, a service code, says which key seals the event. Without one it is the key of the whole tenant.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SealScopeAttribute : Attribute
{
    /// <summary>Scope of events that name none.</summary>
    public const string WholeTenant = "tenant";
}

/// <summary>The key that wraps the data keys in the database. It comes from a file and is never stored beside them.</summary>
public sealed class MasterKey
{
    private const int NonceSize = 12;
    private const int TagSize = 16;
    private readonly byte[][] _keys;

    private MasterKey(byte[][] keys) => _keys = keys;

    /// <summary>
    /// Reads base64 keys of 32 bytes, one per line: the first wraps new data keys, all of them unwrap, so that a key is replaced by
    /// putting another line before it.
    /// </summary>
    /// <exception cref="FormatException">A line is not base64 of 32 bytes, or there is none.</exception>
    public static MasterKey FromFile(string path)
    {
        var keys = File.ReadLines(path).Where(line => line.Length > 0).Select(Convert.FromBase64String).ToArray();
        return keys.Length > 0 && keys.All(key => key.Length == 32)
            ? new MasterKey(keys)
            : throw new FormatException($"{path} must hold base64 keys of 32 bytes, one per line.");
    }

    internal byte[] Wrap(byte[] dataKey, string owner) => Encrypt(_keys[0], dataKey, owner);

    internal byte[] Unwrap(byte[] wrapped, string owner)
    {
        foreach (var key in _keys)
        {
            try
            {
                return Decrypt(key, wrapped, owner);
            }
            catch (AuthenticationTagMismatchException)
            {
                // Wrapped by another line of the file.
            }
        }

        throw new CryptographicException($"No line of the key file unwraps the data key of {owner}.");
    }

    /// <summary>Nonce, tag and cipher text of AES-256-GCM, bound to where the value stands so that it cannot be moved.</summary>
    internal static byte[] Encrypt(byte[] key, ReadOnlySpan<byte> plain, string place)
    {
        var result = new byte[NonceSize + TagSize + plain.Length];
        var nonce = result.AsSpan(0, NonceSize);
        var tag = result.AsSpan(NonceSize, TagSize);
        RandomNumberGenerator.Fill(nonce);
        using var aes = new AesGcm(key, TagSize);
        aes.Encrypt(nonce, plain, result.AsSpan(NonceSize + TagSize), tag, Encoding.UTF8.GetBytes(place));
        return result;
    }

    internal static byte[] Decrypt(byte[] key, ReadOnlySpan<byte> value, string place)
    {
        var plain = new byte[value.Length - NonceSize - TagSize];
        using var aes = new AesGcm(key, TagSize);
        aes.Decrypt(
            value[..NonceSize], value[(NonceSize + TagSize)..], value.Slice(NonceSize, TagSize), plain, Encoding.UTF8.GetBytes(place));
        return plain;
    }
}

/// <summary>
/// Data keys as they are at this moment, by tenant and scope. Read anew each time, so that a destroyed key is gone at once; unwrapped only
/// when a value asks for it, so that what is not sealed can be read without the right master key.
/// </summary>
internal sealed class DataKeys(MasterKey master)
{
    public const string OfTenants = "select tenant_id, scope, wrapped from platform.keys where tenant_id = any($1) and wrapped is not null";

    private readonly Dictionary<string, byte[]> _wrapped = [];
    private readonly Dictionary<string, byte[]> _keys = [];

    /// <summary>The key; null when it was destroyed.</summary>
    /// <exception cref="CryptographicException">The master key is another.</exception>
    public byte[]? this[string tenant, string scope]
    {
        get
        {
            var owner = $"{tenant}/{scope}";
            if (!_keys.TryGetValue(owner, out var key) && _wrapped.TryGetValue(owner, out var wrapped))
            {
                _keys[owner] = key = master.Unwrap(wrapped, owner);
            }

            return key;
        }
    }

    public bool Opens(string tenant, string scope, byte[] wrapped)
    {
        try
        {
            master.Unwrap(wrapped, $"{tenant}/{scope}");
            return true;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    public async Task Add(NpgsqlDataReader rows, CancellationToken cancellationToken)
    {
        while (await rows.ReadAsync(cancellationToken))
        {
            _wrapped[$"{rows.GetString(0)}/{rows.GetString(1)}"] = rows.GetFieldValue<byte[]>(2);
        }
    }

    /// <summary>Makes the keys that are still missing; one that was destroyed stays away.</summary>
    public async Task Provide(
        NpgsqlConnection connection, string tenant, IEnumerable<string> scopes, DateTimeOffset now, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection);
        foreach (var scope in scopes)
        {
            var wrapped = master.Wrap(RandomNumberGenerator.GetBytes(32), $"{tenant}/{scope}");
            batch.BatchCommands.Add(new(
                "insert into platform.keys (tenant_id, scope, wrapped, created_at) values ($1, $2, $3, $4) on conflict do nothing")
            {
                Parameters = { new() { Value = tenant }, new() { Value = scope }, new() { Value = wrapped }, new() { Value = now } },
            });
        }

        batch.BatchCommands.Add(new(OfTenants) { Parameters = { new() { Value = new[] { tenant } } } });
        await using var rows = await batch.ExecuteReaderAsync(cancellationToken);
        await Add(rows, cancellationToken);
    }
}

/// <summary>The sealed properties of one event type, and of the records that it holds.</summary>
internal sealed class SealedMembers
{
    private const string Prefix = "sealed:1:";
    private readonly Type _type;
    private readonly PropertyInfo[][] _members;
    private readonly PropertyInfo[]? _scope;

    private SealedMembers(Type type, PropertyInfo[][] members, PropertyInfo[]? scope) => (_type, _members, _scope) = (type, members, scope);

    /// <summary>The sealed members of a type; null when it has none.</summary>
    /// <exception cref="ArgumentException">A sealed property is no text, stands where it cannot be sealed, or two say the scope.</exception>
    public static SealedMembers? Of(Type type)
    {
        var paths = Paths(type, []).ToList();
        var members = paths.Where(path => path[^1].IsDefined(typeof(SealedAttribute))).ToArray();
        if (members.Length == 0)
        {
            return null;
        }

        if (members.FirstOrDefault(path => !typeof(IEnumerable<string>).IsAssignableFrom(path[^1].PropertyType)
            && path[^1].PropertyType != typeof(string)) is { } unfit)
        {
            throw new ArgumentException($"{type.Name}.{NameOf(unfit)} is sealed but neither a text nor a list of texts.");
        }

        var scopes = paths.Where(path => path[^1].IsDefined(typeof(SealScopeAttribute))).ToList();
        return scopes.Count > 1
            ? throw new ArgumentException($"{type.Name} says its scope twice: {string.Join(", ", scopes.Select(NameOf))}.")
            : new SealedMembers(type, members, scopes.SingleOrDefault());
    }

    public string ScopeOf(object happened) => (string?)ValueOf(_scope, happened) ?? SealScopeAttribute.WholeTenant;

    /// <summary>Whether there is anything to seal: most notes are never written.</summary>
    public bool HasValues(object happened) => Array.Exists(_members, member => ValueOf(member, happened) is not null);

    public byte[] Seal(object happened, Guid eventId, string tenant, DataKeys keys)
    {
        var scope = ScopeOf(happened);
        var key = keys[tenant, scope];
        var json = JsonSerializer.SerializeToNode(happened, _type, EventCatalog.Json)!;
        Replace(json, (text, name) => key is null
            ? SealedAttribute.ErasedValue
            : Prefix + Convert.ToBase64String(
                MasterKey.Encrypt(key, Encoding.UTF8.GetBytes(text), $"{tenant}/{scope}/{eventId}/{name}")));
        return JsonSerializer.SerializeToUtf8Bytes(json, EventCatalog.Json);
    }

    public object? Unseal(ReadOnlySpan<byte> stored, Guid eventId, string tenant, DataKeys keys)
    {
        if (stored.IndexOf("\"sealed:1:"u8) < 0)
        {
            return JsonSerializer.Deserialize(stored, _type, EventCatalog.Json);
        }

        var json = JsonNode.Parse(stored)!;
        var scope = (string?)NodeOf(_scope, json) ?? SealScopeAttribute.WholeTenant;
        var key = keys[tenant, scope];
        Replace(json, (text, name) =>
            !text.StartsWith(Prefix, StringComparison.Ordinal) ? text // a foreign writer left it open
            : key is null ? SealedAttribute.ErasedValue
            : Encoding.UTF8.GetString(MasterKey.Decrypt(
                key, Convert.FromBase64String(text[Prefix.Length..]), $"{tenant}/{scope}/{eventId}/{name}")));
        return json.Deserialize(_type, EventCatalog.Json);
    }

    private static string NameOf(PropertyInfo[] path) => string.Join('.', path.Select(property => property.Name));

    /// <summary>Every property with the way to it, through the records that an event holds. What stands in lists is refused when sealed.</summary>
    private static IEnumerable<PropertyInfo[]> Paths(Type type, PropertyInfo[] above)
    {
        foreach (var property in type.GetProperties().Where(property => !property.IsDefined(typeof(JsonIgnoreAttribute))))
        {
            PropertyInfo[] path = [.. above, property];
            yield return path;
            if (HoldsMarked(property.PropertyType, []))
            {
                if (!IsRecord(property.PropertyType))
                {
                    throw new ArgumentException($"{path[0].DeclaringType!.Name}.{NameOf(path)} is a list of records with sealed properties or a scope.");
                }

                foreach (var inner in Paths(property.PropertyType, path))
                {
                    yield return inner;
                }
            }
        }
    }

    private static bool IsRecord(Type type) => type.IsClass && !type.IsArray && !type.Namespace!.StartsWith(nameof(System), StringComparison.Ordinal);

    private static bool HoldsMarked(Type type, HashSet<Type> seen) =>
        type.GetGenericArguments().Append(type.GetElementType()).OfType<Type>().Any(inner => HoldsMarked(inner, seen))
        || (IsRecord(type) && seen.Add(type)
            && type.GetProperties().Any(property => property.IsDefined(typeof(SealedAttribute)) || property.IsDefined(typeof(SealScopeAttribute))
                || HoldsMarked(property.PropertyType, seen)));

    private static object? ValueOf(PropertyInfo[]? path, object happened) =>
        path?.Aggregate((object?)happened, (value, property) => value is null ? null : property.GetValue(value));

    private static JsonNode? NodeOf(IEnumerable<PropertyInfo>? path, JsonNode json) =>
        path?.Aggregate((JsonNode?)json, (node, property) => (node as JsonObject)?[property.Name]);

    private void Replace(JsonNode json, Func<string, string, string> change)
    {
        foreach (var member in _members)
        {
            if (NodeOf(member.SkipLast(1), json) is not JsonObject holder)
            {
                continue;
            }

            var (name, place) = (member[^1].Name, NameOf(member));
            if (holder[name] is JsonArray texts)
            {
                holder[name] = new JsonArray([.. texts.Select(text => text is null ? null : JsonValue.Create(change((string)text!, place)))]);
            }
            else if (holder[name] is { } text)
            {
                holder[name] = change((string)text!, place);
            }
        }
    }
}
