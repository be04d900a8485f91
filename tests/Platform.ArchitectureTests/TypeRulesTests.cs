using System.Reflection;
using Grpc.Core;
using Microsoft.AspNetCore.Authorization;

namespace Platform.ArchitectureTests;

/// <summary>Rules of the guide that can be read off the built assemblies.</summary>
public sealed class TypeRulesTests
{
    private static readonly Assembly[] Services = [.. Source.Services().Select(service => Assembly.Load(Path.GetFileName(Source.ProjectOf(service))))];

    [Fact]
    public void Every_grpc_method_states_its_permission()
    {
        var methods =
            from assembly in Services
            from type in assembly.GetTypes()
            where type is { IsClass: true, IsAbstract: false } && IsGrpcService(type)
            from method in type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)
            where method.GetParameters() is [.., { } last] && last.ParameterType == typeof(ServerCallContext)
            select method;
        Assert.NotEmpty(methods);

        Assert.Empty(methods
            .Where(method => method.GetCustomAttribute<AuthorizeAttribute>()?.Policy is null
                && method.DeclaringType!.GetCustomAttribute<AuthorizeAttribute>()?.Policy is null)
            .Select(method => $"{method.DeclaringType!.Name}.{method.Name}"));
    }

    [Fact]
    public void No_type_shares_a_name_with_a_namespace()
    {
        var clashes =
            from assembly in Services.Append(typeof(EventStore.StreamStore).Assembly)
            let types = assembly.GetTypes().Where(type => type.Namespace?.StartsWith("Platform.", StringComparison.Ordinal) == true).ToArray()
            let namespaces = types.SelectMany(type => type.Namespace!.Split('.')).ToHashSet()
            from type in types
            where !type.IsNested && namespaces.Contains(type.Name)
            select type.FullName;
        Assert.Empty(clashes);
    }

    [Fact]
    public void Every_stored_event_is_sealed_and_named_once_in_its_service()
    {
        var events =
            from assembly in Services
            from type in assembly.GetTypes()
            where type is { IsClass: true, IsAbstract: false, BaseType.IsAbstract: true } && type.BaseType!.Name.EndsWith("Event", StringComparison.Ordinal)
            select type;
        Assert.NotEmpty(events);

        Assert.Empty(events.Where(type => !type.IsSealed).Select(type => type.FullName));
        Assert.Empty(events.GroupBy(type => (type.Assembly, type.Name)).Where(same => same.Count() > 1).Select(same => same.Key.Name));
    }

    private static bool IsGrpcService(Type type)
    {
        for (var current = type; current is not null; current = current.BaseType)
        {
            if (current.GetCustomAttribute<BindServiceMethodAttribute>(inherit: false) is not null)
            {
                return true;
            }
        }

        return false;
    }
}
