-- Sample rows for the demo's 3dPot database. They are the same in every run, because each value is computed from its row number.

insert into users (id, email, username, full_name, hashed_password, is_active, is_superuser, is_verified, role, permissions,
                   refresh_tokens, last_login, login_attempts, mfa_enabled, mfa_secret, mfa_backup_codes, company, bio, preferences,
                   created_at, updated_at)
select md5('user ' || i)::uuid,
       first_name || '.' || lower(last_name) || i || '@example.com',
       first_name || i,
       initcap(first_name) || ' ' || last_name,
       '$2b$12$' || left(translate(encode(sha256(('password ' || i)::bytea), 'base64'), '+=' || chr(10), './'), 42) || 'demoDemoDem',
       i % 29 <> 0,
       i = 1,
       i % 7 <> 0,
       (case when i = 1 then 'admin' when i % 11 = 0 then 'premium' else 'user' end)::user_role,
       '[]', '[]',
       timestamp '2026-11-20 08:00' - (i * 37 % 5000) * interval '13 minutes',
       0,
       i % 4 = 0,
       case when i % 4 = 0 then left(translate(upper(md5('mfa ' || i)), '0189', 'WXYZ'), 32) end,
       case when i % 4 = 0 then json_build_array(lpad((i * 7919 % 10000)::text, 4, '0') || '-' || lpad((i * 104729 % 10000)::text, 4, '0'))
            else '[]' end,
       (array['Impressão Rápida', 'Maker Norte', 'Fábrica 3D', null])[1 + i % 4],
       case when i % 5 = 0 then 'Prints "gears", cases & brackets; tab:' || chr(9) || 'and a line' || chr(10) || 'break. ☕' end,
       json_build_object('theme', case when i % 2 = 0 then 'dark' else 'light' end, 'unit', 'mm'),
       timestamp '2024-01-01' + i * interval '7 hours',
       timestamp '2026-11-20 08:00' - (i * 37 % 5000) * interval '13 minutes'
  from (select i,
               (array['ana', 'joao', 'carla', 'rui', 'ines', 'tiago', 'marta', 'pedro'])[1 + i % 8] as first_name,
               (array['Souza', 'Lima', 'Araujo', 'Ferreira', 'Nunes', 'Prado', 'Reis'])[1 + i % 7] as last_name
          from generate_series(1, 2000) as i) as people;

insert into projects (id, owner_id, nome, descricao_usuario, categoria, dimensoes_largura, dimensoes_altura, dimensoes_profundidade,
                      dimensoes_unidade, material_tipo, material_densidade, material_preco_por_kg, peso_estimado, volume_impressao,
                      componentes_eletronicos, funcionalidades, restricoes, status, created_at, updated_at)
select md5('project ' || i)::uuid,
       md5('user ' || 1 + i * 31 % 2000)::uuid,
       (array['Engrenagem', 'Suporte de tela', 'Caixa para sensor', 'Braço articulado', 'Vaso', 'Maquete'])[1 + i % 6] || ' ' || i,
       'Quero uma peça com ' || 20 + i % 180 || ' mm, furos M' || 3 + i % 4 || ' e "encaixe" rápido.',
       (array['mecanico', 'eletronico', 'mixto', 'arquitetura'])[1 + i % 4]::project_category,
       20 + i % 180, 10 + i % 90, 5 + i % 45, 'mm',
       (array['PLA', 'PETG', 'ABS', 'TPU'])[1 + i % 4], 1.240, 89.90 + i % 60, (i * 17 % 900) / 1.7, (i * 23 % 4000) / 3.1,
       json_build_array('ESP32', 'M3x' || 8 + i % 20), json_build_array('encaixe'), '[]',
       (array['draft', 'conversando', 'modelando', 'simulando', 'orcando', 'completo', 'error'])[1 + i % 7]::project_status,
       timestamp '2025-03-01' + i * interval '2 hours',
       timestamp '2025-03-01' + i * interval '2 hours 3 minutes'
  from generate_series(1, 6000) as i;

insert into refresh_tokens (id, user_id, token, hashed_token, is_active, is_revoked, device_info, ip_address, user_agent, created_at,
                            expires_at, last_used)
select md5('session ' || i)::uuid,
       md5('user ' || 1 + i * 13 % 2000)::uuid,
       md5('token a ' || i) || md5('token b ' || i),
       encode(sha256((md5('token a ' || i) || md5('token b ' || i))::bytea), 'hex'),
       i % 3 <> 0,
       i % 3 = 0,
       json_build_object('device', (array['phone', 'desktop'])[1 + i % 2]),
       '203.0.113.' || i % 256,
       'Mozilla/5.0 (X11; Linux x86_64) demo/' || i % 9,
       timestamp '2026-10-01' + i * interval '9 minutes',
       timestamp '2026-10-31' + i * interval '9 minutes',
       timestamp '2026-10-02' + i * interval '9 minutes'
  from generate_series(1, 8000) as i;

insert into audit_log (id, user_id, project_id, acao, tabela, registro_id, dados_antigos, dados_novos, ip_address, user_agent, timestamp)
select md5('audit ' || i)::uuid,
       md5('user ' || 1 + i * 7 % 2000)::uuid,
       case when i % 3 = 0 then md5('project ' || 1 + i % 6000)::uuid end,
       (array['create', 'update', 'login', 'delete', 'export'])[1 + i % 5],
       (array['projects', 'users', 'refresh_tokens'])[1 + i % 3],
       i::text,
       case when i % 5 = 1 then json_build_object('status', 'draft', 'peso', i % 300) end,
       json_build_object('status', 'completo', 'request_id', md5('request ' || i)),
       '198.51.100.' || i % 256,
       'potctl demo',
       timestamp '2026-05-01' + i * interval '7 minutes'
  from generate_series(1, 40000) as i;

analyze;
